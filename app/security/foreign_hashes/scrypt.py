"""scrypt (RFC 7914) as PHC strings, by Django and by Werkzeug. Firebase's lies in firebase.py."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from app.security.foreign_hashes.bounds import decode_base64, malformed, within

_HIGHEST_N = 2**17
_HIGHEST_P = 16
_HIGHEST_MEMORY = 256 * 1024 * 1024
# What hashlib needs beside 128·N·r: 128·r·p and a little more.
_SPARE_MEMORY = 1024 * 1024
_DIGEST_BYTES = range(16, 129)
_WORK_IN_A_DEFAULT_HASH = 77000
_PHC = re.compile(r"\$scrypt\$ln=([0-9]{1,3}),r=([0-9]{1,9}),p=([0-9]{1,9})\$([^$]*)\$([^$]+)")
_DJANGO = re.compile(r"scrypt\$([0-9]{1,9})\$([^$]+)\$([0-9]{1,9})\$([0-9]{1,9})\$([^$]+)")
_WERKZEUG = re.compile(r"scrypt:([0-9]{1,9}):([0-9]{1,9}):([0-9]{1,9})\$([^$]+)\$([0-9a-f]+)")


@dataclass(frozen=True)
class ScryptCosts:
    n: int
    r: int
    p: int

    def __str__(self) -> str:
        return f"n={self.n},r={self.r},p={self.p}"

    @property
    def weight(self) -> float:
        return self.n * self.r * self.p / _WORK_IN_A_DEFAULT_HASH

    def derive(self, password: bytes, salt: bytes, length: int) -> bytes:
        """Raises MemoryError."""
        limit = 128 * self.n * self.r + 128 * self.r * self.p + _SPARE_MEMORY
        try:
            return hashlib.scrypt(password, salt=salt, n=self.n, r=self.r, p=self.p, maxmem=limit, dklen=length)
        except ValueError:
            # With checked costs, OpenSSL refuses only where it gets no memory.
            raise MemoryError("not enough memory for the costs of a scrypt hash") from None


def scrypt_costs(n: int, r: int, p: int) -> ScryptCosts:
    """Raises HashRefused."""
    within(n, 2, _HIGHEST_N, "scrypt N")
    if n & (n - 1):
        raise malformed("scrypt")
    within(p, 1, _HIGHEST_P, "scrypt p")
    within(r, 1, _HIGHEST_MEMORY // (128 * n), "scrypt r")
    if n >= 2 ** (16 * r):
        # RFC 7914 §2.
        raise malformed("scrypt")
    return ScryptCosts(n, r, p)


@dataclass(frozen=True)
class Scrypt:
    scheme: str
    costs: ScryptCosts
    text: str = field(repr=False)
    _salt: bytes = field(repr=False)
    _digest: bytes = field(repr=False)

    @property
    def cost(self) -> str:
        return str(self.costs)

    @property
    def weight(self) -> float:
        return self.costs.weight

    def verify(self, password: bytes) -> bool:
        return hmac.compare_digest(self.costs.derive(password, self._salt, len(self._digest)), self._digest)


def parse_scrypt(text: str) -> Scrypt:
    """Raises HashRefused."""
    if matched := _PHC.fullmatch(text):
        # An exponent over the ceiling is shown as a number over it, and costs nothing to compute.
        costs = scrypt_costs(2 ** min(int(matched[1]), 64), int(matched[2]), int(matched[3]))
        salt, digest = decode_base64(matched[4], "scrypt"), decode_base64(matched[5], "scrypt")
        return _checked(Scrypt("scrypt", costs, text, salt, digest))
    if matched := _DJANGO.fullmatch(text):
        costs = scrypt_costs(int(matched[1]), int(matched[3]), int(matched[4]))
        return _checked(Scrypt("django_scrypt", costs, text, matched[2].encode(), decode_base64(matched[5], "scrypt")))
    if matched := _WERKZEUG.fullmatch(text):
        costs = scrypt_costs(int(matched[1]), int(matched[2]), int(matched[3]))
        if len(matched[5]) % 2:
            raise malformed("scrypt")
        return _checked(Scrypt("werkzeug_scrypt", costs, text, matched[4].encode(), bytes.fromhex(matched[5])))
    raise malformed("scrypt")


def _checked(scrypt: Scrypt) -> Scrypt:
    if len(scrypt._digest) not in _DIGEST_BYTES:  # noqa: SLF001 - its own module
        raise malformed("scrypt")
    return scrypt
