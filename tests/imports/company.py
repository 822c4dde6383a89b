"""A made-up company, a share of whose people has each format of hash, and every third an authenticator app."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import bcrypt
import pyotp
from django.conf import settings as django_settings
from django.contrib.auth import hashers as django
from passlib import hash as passlib
from werkzeug.security import generate_password_hash

from tests.imports.firebase import firebase_password
from tests.imports.lines import an_app

if not django_settings.configured:
    django_settings.configure()


def _passlib(name: str, **settings: int) -> Callable[[str], dict[str, Any]]:
    return lambda password: {"hash": getattr(passlib, name).using(**settings).hash(password)}


def _sha256(password: str) -> dict[str, Any]:
    return {
        "scheme": "sha256",
        "hash": hashlib.sha256(password.encode() + b"pepper").hexdigest(),
        "salt": "pepper",
        "salt_position": "suffix",
    }


FORMATS: dict[str, Callable[[str], dict[str, Any]]] = {
    "bcrypt": lambda password: {"hash": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()},
    "django_pbkdf2_sha256": lambda password: {"hash": django.PBKDF2PasswordHasher().encode(password, "salt", 9)},
    "werkzeug_scrypt": lambda password: {"hash": generate_password_hash(password, "scrypt:512:8:1")},
    "sha512_crypt": _passlib("sha512_crypt", rounds=1000),
    "phpass": _passlib("phpass", rounds=7),
    "ssha512": _passlib("ldap_salted_sha512"),
    "sha256": _sha256,
    "firebase_scrypt": firebase_password,
}


@dataclass(frozen=True)
class Person:
    number: int
    scheme: str
    secret: str | None

    @property
    def email(self) -> str:
        return f"person{self.number}@example.com"

    @property
    def password(self) -> str:
        return f"the password of person {self.number}"

    def line(self) -> dict[str, Any]:
        line = {
            "external_id": f"u-{self.number}",
            "email": self.email,
            "created_at": "2019-05-01T00:00:00Z",
            "email_verified": True,
            "password": FORMATS[self.scheme](self.password),
        }
        return line | ({"two_factor": {"totp": [an_app(self.secret)]}} if self.secret else {})


def a_company(people: int) -> Sequence[Person]:
    schemes = list(FORMATS)
    return [
        Person(number, schemes[number % len(schemes)], pyotp.random_base32() if number % 3 == 0 else None)
        for number in range(people)
    ]
