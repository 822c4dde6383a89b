"""How the commands read what is no plain text."""

import getpass
import sys

from pydantic import SecretStr

from app.kernel.locale import read_locale
from app.kernel.refusal import FieldError


def read_language(text: str) -> str:
    try:
        return read_locale(text)
    except ValueError as error:
        raise FieldError("/locale", str(error)) from None


def read_password() -> SecretStr:
    if sys.stdin.isatty():
        return SecretStr(getpass.getpass("Password: "))
    try:
        # Some editors and shells write a byte order mark in front.
        line = sys.stdin.buffer.readline().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FieldError("/password", "Must be UTF-8.") from None
    return SecretStr(line.rstrip("\r\n"))
