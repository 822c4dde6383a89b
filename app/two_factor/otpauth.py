"""Reads the `otpauth://` address of an authenticator app (Google's Key URI format), as other systems export it."""

import base64
import re
from urllib.parse import parse_qsl, urlsplit

from app.two_factor import totp

SHORTEST_SECRET_BYTES = 10
"""80 bits: what the 16 characters of many older systems hold."""

_LONGEST_SECRET_BYTES = 128
_LONGEST_URI = 2048
_DEFAULTS = {"algorithm": "SHA1", "digits": str(totp.DIGITS), "period": str(totp.PERIOD_SECONDS)}
_BASE32 = re.compile(r"[A-Z2-7]+")


class OtpauthMalformed(ValueError):
    """This is no address of an authenticator app. The message never repeats it."""


class OtpauthUnsupported(ValueError):
    """An authenticator app of a kind that we do not verify: other than SHA-1, six digits, 30 seconds, 80 bits."""


def read_secret(uri: str) -> str:
    """The secret in base32 without padding. Raises OtpauthMalformed, OtpauthUnsupported."""
    kind, parameters = _split(uri)
    secret = _canonical(parameters.get("secret", ""))
    if kind != "totp":
        raise OtpauthUnsupported("Only time-based codes (totp) are supported.")
    if {name: _plain(parameters.get(name, usual)) for name, usual in _DEFAULTS.items()} != _DEFAULTS:
        raise OtpauthUnsupported("Only SHA-1, six digits and 30 seconds are supported.")
    if len(totp.key_of(secret)) < SHORTEST_SECRET_BYTES:
        raise OtpauthUnsupported("The secret has fewer than 80 bits.")
    return secret


def _split(uri: str) -> tuple[str, dict[str, str]]:
    if len(uri) > _LONGEST_URI:
        raise OtpauthMalformed("The address is too long.")
    try:
        parts = urlsplit(uri)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise OtpauthMalformed("This is no otpauth:// address.") from None
    if parts.scheme != "otpauth" or parts.netloc.lower() not in {"totp", "hotp"}:
        raise OtpauthMalformed("This is no otpauth:// address.")
    parameters = {name.lower(): value for name, value in pairs}
    if len(parameters) != len(pairs):
        raise OtpauthMalformed("A parameter of the address is repeated.")
    return parts.netloc.lower(), parameters


def _plain(value: str) -> str:
    """`SHA-1`, `sha1` and `HmacSHA1` are written for the same."""
    return value.upper().removeprefix("HMAC").replace("-", "")


def _canonical(secret: str) -> str:
    """One spelling for equal secrets: apps show them in groups and lower case, and unused bits may be set."""
    letters = secret.replace(" ", "").replace("-", "").upper().rstrip("=")
    if not _BASE32.fullmatch(letters):
        raise OtpauthMalformed("The address holds no secret in base32.")
    try:
        key = totp.key_of(letters)
    except ValueError:
        raise OtpauthMalformed("The address holds no secret in base32.") from None
    if len(key) > _LONGEST_SECRET_BYTES:
        raise OtpauthMalformed("The secret is too long.")
    return base64.b32encode(key).decode().rstrip("=")
