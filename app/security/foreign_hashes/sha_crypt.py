"""sha256-crypt and sha512-crypt (Drepper's SHA-crypt), as Unix systems keep them; verified by passlib."""

import re
from dataclasses import dataclass, field

from passlib.hash import sha256_crypt, sha512_crypt

from app.security.foreign_hashes.bounds import malformed, within

_HIGHEST_ROUNDS = 1_000_000
_LOWEST_ROUNDS = 1000
_IMPLICIT_ROUNDS = 5000
_ROUNDS_IN_A_DEFAULT_HASH = 75_000
_PATTERN = re.compile(r"\$([56])\$(?:rounds=([0-9]{1,9})\$)?[^$:]{0,16}\$(?:[./A-Za-z0-9]{43}|[./A-Za-z0-9]{86})")
_SCHEMES = {"5": ("sha256_crypt", sha256_crypt), "6": ("sha512_crypt", sha512_crypt)}


@dataclass(frozen=True)
class ShaCrypt:
    scheme: str
    rounds: int
    text: str = field(repr=False)

    @property
    def cost(self) -> str:
        return f"rounds={self.rounds}"

    @property
    def weight(self) -> float:
        return self.rounds / _ROUNDS_IN_A_DEFAULT_HASH

    def verify(self, password: bytes) -> bool:
        # crypt(3) ends a password at its first NUL, and passlib refuses one.
        handler = sha256_crypt if self.scheme == "sha256_crypt" else sha512_crypt
        return bool(handler.verify(password.partition(b"\0")[0], self.text))


def parse_sha_crypt(text: str) -> ShaCrypt:
    """Raises HashRefused."""
    matched = _PATTERN.fullmatch(text)
    if matched is None:
        raise malformed("SHA-crypt")
    scheme, handler = _SCHEMES[matched[1]]
    rounds = within(int(matched[2] or _IMPLICIT_ROUNDS), _LOWEST_ROUNDS, _HIGHEST_ROUNDS, "number of SHA-crypt rounds")
    try:
        handler.from_string(text)
    except ValueError:
        raise malformed("SHA-crypt") from None
    return ShaCrypt(scheme, rounds, text)
