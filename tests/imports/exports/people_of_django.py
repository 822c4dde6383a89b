"""Run by `manage.py shell`."""

from django.contrib.auth import get_user_model, hashers
from django.core.management import call_command
from django_otp.plugins.otp_totp.models import TOTPDevice

call_command("migrate", verbosity=0)
password, User = "the password of ada", get_user_model()
for name, encoded in {
    "pbkdf2": hashers.PBKDF2PasswordHasher().encode(password, "salt", 9),
    "scrypt": hashers.ScryptPasswordHasher().encode(password, "salt", n=16),
    "argon2": hashers.Argon2PasswordHasher().encode(password, "salted salt"),
    "md5": hashers.MD5PasswordHasher().encode(password, "salt"),
    "none": hashers.make_password(None),
}.items():
    User.objects.create(username=name, email=f"{name}@example.com", password=encoded, is_active=name != "none")
User.objects.create(username="nobody", email="")
ada = User.objects.get(username="pbkdf2")
TOTPDevice.objects.create(user=ada, confirmed=True, key="48656c6c6f21deadbeef48656c6c6f21deadbeef")
TOTPDevice.objects.create(user=ada, confirmed=False)
