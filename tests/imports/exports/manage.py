"""A Django with its own users, and django-otp."""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line

apps = ["django.contrib.auth", "django.contrib.contenttypes", "django_otp", "django_otp.plugins.otp_totp"]
file = {"ENGINE": "django.db.backends.sqlite3", "NAME": "people.sqlite"}
settings.configure(SECRET_KEY="x", INSTALLED_APPS=apps, DATABASES={"default": file}, USE_TZ=True)
execute_from_command_line(sys.argv)
