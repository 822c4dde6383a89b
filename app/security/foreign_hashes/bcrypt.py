"""bcrypt, and what Django and WordPress (from 6.8 on) lay around it so that long passwords count whole."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field

import bcrypt

from app.security.foreign_hashes.bounds import malformed, within

_HIGHEST_COST = 15
_LOWEST_COST = 4
_LONGEST_PASSWORD_BYTES = 72
_WORD_BYTES = 4
_ROUNDS_IN_A_DEFAULT_HASH = 480
_PATTERN = re.compile(r"\$(2[abxy])\$([0-9]{2})\$([./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26])")
_WORDPRESS_KEY = b"wp-sha384"


@dataclass(frozen=True)
class Bcrypt:
    scheme: str
    cost: str
    weight: float
    text: str = field(repr=False)
    _hash: bytes = field(repr=False)

    def verify(self, password: bytes) -> bool:
        secret = _prepare(self.scheme, password)
        if self._hash.startswith(b"$2x$"):
            secret = _sign_extended(secret)
        # The old systems cut here; bcrypt 5 raises instead.
        return bcrypt.checkpw(secret[:_LONGEST_PASSWORD_BYTES], self._hash)


def parse_bcrypt(text: str) -> Bcrypt:
    """Raises HashRefused."""
    scheme, inner = _unfold(text)
    matched = _PATTERN.fullmatch(inner)
    if matched is None:
        raise malformed("bcrypt")
    rounds = within(int(matched[2]), _LOWEST_COST, _HIGHEST_COST, "bcrypt cost")
    return Bcrypt(scheme, str(rounds), 2**rounds / _ROUNDS_IN_A_DEFAULT_HASH, text, inner.encode())


def _unfold(text: str) -> tuple[str, str]:
    if text.startswith("bcrypt_sha256$"):
        return "django_bcrypt_sha256", text.removeprefix("bcrypt_sha256$")
    if text.startswith("$wp$2"):
        return "wordpress_bcrypt", text.removeprefix("$wp")
    return "bcrypt", text.removeprefix("bcrypt$")


def _prepare(scheme: str, password: bytes) -> bytes:
    if scheme == "django_bcrypt_sha256":
        return hashlib.sha256(password).hexdigest().encode()
    if scheme == "wordpress_bcrypt":
        return base64.b64encode(hmac.digest(_WORDPRESS_KEY, password, "sha384"))
    return password


def _sign_extended(password: bytes) -> bytes:
    """A password under which a right bcrypt gives what the broken one behind `$2x$` gave (CVE-2011-2483).

    That one read characters as signed, so a byte from 0x80 on set every bit of its word before it.
    """
    if password.isascii():
        return password
    cyclic = password + b"\0"
    broken = bytearray()
    for start in range(0, _LONGEST_PASSWORD_BYTES, _WORD_BYTES):
        word = 0
        for at in range(start, start + _WORD_BYTES):
            byte = cyclic[at % len(cyclic)]
            word = (word << 8 | (byte | 0xFFFFFF00 if byte & 0x80 else byte)) & 0xFFFFFFFF
        broken += word.to_bytes(_WORD_BYTES, "big")
    return bytes(broken)
