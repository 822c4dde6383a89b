"""PBKDF2 (RFC 8018) as PHC strings, by passlib, by Django and by Werkzeug."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from app.security.foreign_hashes.bounds import decode_base64, malformed, within

_HIGHEST_ITERATIONS = 10_000_000
_DIGEST_BYTES = range(16, 65)
_ITERATIONS_IN_A_DEFAULT_HASH = {
    "sha1": 120_000,
    "sha224": 120_000,
    "sha256": 120_000,
    "sha384": 48_000,
    "sha512": 48_000,
}
# Without a function, RustCrypto and passlib mean SHA-1.
_PHC = re.compile(
    r"\$pbkdf2(?:-(sha1|sha224|sha256|sha384|sha512))?\$i=([0-9]{1,10})(?:,l=([0-9]{1,3}))?\$([^$]*)\$([^$]+)"
)
_PASSLIB = re.compile(r"\$pbkdf2(?:-(sha256|sha512))?\$([0-9]{1,10})\$([^$]*)\$([^$]+)")
_DJANGO = re.compile(r"pbkdf2_(sha1|sha256)\$([0-9]{1,10})\$([^$]+)\$([^$]+)")
_WERKZEUG = re.compile(r"pbkdf2:(sha1|sha224|sha256|sha384|sha512):([0-9]{1,10})\$([^$]+)\$([0-9a-f]+)")


@dataclass(frozen=True)
class Pbkdf2:
    scheme: str
    iterations: int
    text: str = field(repr=False)
    _function: str
    _salt: bytes = field(repr=False)
    _digest: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Raises HashRefused. A digest longer than the function's costs its iterations once more for each block."""
        if len(self._digest) not in _DIGEST_BYTES:
            raise malformed("PBKDF2")
        within(self.iterations, 1, _HIGHEST_ITERATIONS // self._blocks, "number of PBKDF2 iterations")

    @property
    def _blocks(self) -> int:
        return -(-len(self._digest) // hashlib.new(self._function).digest_size)

    @property
    def cost(self) -> str:
        return f"i={self.iterations}" + (f",b={self._blocks}" if self._blocks > 1 else "")

    @property
    def weight(self) -> float:
        return self.iterations * self._blocks / _ITERATIONS_IN_A_DEFAULT_HASH[self._function]

    def verify(self, password: bytes) -> bool:
        length = len(self._digest)
        derived = hashlib.pbkdf2_hmac(self._function, password, self._salt, self.iterations, length)
        return hmac.compare_digest(derived, self._digest)


def parse_pbkdf2(text: str) -> Pbkdf2:
    """Raises HashRefused."""
    if matched := _PHC.fullmatch(text):
        function = matched[1] or "sha1"
        salt, digest = (decode_base64(each, "PBKDF2") for each in matched.group(4, 5))
        if matched[3] is not None and int(matched[3]) != len(digest):
            raise malformed("PBKDF2")
        return Pbkdf2(f"pbkdf2_{function}", int(matched[2]), text, function, salt, digest)
    if matched := _PASSLIB.fullmatch(text):
        function = matched[1] or "sha1"
        salt, digest = (decode_base64(each, "PBKDF2", alphabet="adapted") for each in matched.group(3, 4))
        return Pbkdf2(f"pbkdf2_{function}", int(matched[2]), text, function, salt, digest)
    if matched := _DJANGO.fullmatch(text):
        function, digest = matched[1], decode_base64(matched[4], "PBKDF2")
        return Pbkdf2(f"django_pbkdf2_{function}", int(matched[2]), text, function, matched[3].encode(), digest)
    if (matched := _WERKZEUG.fullmatch(text)) and len(matched[4]) % 2 == 0:
        function, digest = matched[1], bytes.fromhex(matched[4])
        return Pbkdf2(f"werkzeug_pbkdf2_{function}", int(matched[2]), text, function, matched[3].encode(), digest)
    raise malformed("PBKDF2")
