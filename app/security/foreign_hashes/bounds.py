"""What every format of a foreign hash shares: its interface, the one refusal, and the ceilings on its costs.

A hash from another system is untrusted input: its parameters decide how much memory and time a log-in takes. Every
parser checks the ceilings, so they hold at import and again at each log-in.
"""

import base64
import binascii
import re
from typing import Protocol

LONGEST_TEXT = 1024
_LONGEST_SALT_BYTES = 256
_ALPHABETS = {
    "standard": (re.compile(r"[A-Za-z0-9+/]*"), None),
    # passlib's own: "." in the place of "+", and no padding.
    "adapted": (re.compile(r"[A-Za-z0-9./]*"), b"./"),
    "url": (re.compile(r"[A-Za-z0-9_-]*"), b"-_"),
}


class HashRefused(ValueError):
    """A hash that is not taken over. `code` is `unknown_format`, `malformed_hash` or `hash_too_costly`.

    The message never repeats the hash.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ForeignHash(Protocol):
    """A slow hash of another system, within the ceilings."""

    @property
    def scheme(self) -> str:
        """Names the format, as operators read it: `bcrypt`, `django_scrypt`."""

    @property
    def cost(self) -> str:
        """The parameters that set how long it takes: equal scheme and cost take equal time."""

    @property
    def weight(self) -> float:
        """How long it takes, in verifications of Argon2id at its default costs (19 MiB, two passes)."""

    @property
    def text(self) -> str:
        """The hash as it is stored."""

    def verify(self, password: bytes) -> bool:
        """Whether this is the password, of 4,096 bytes at most. Raises MemoryError where the costs need too much."""


def unknown_format() -> HashRefused:
    return HashRefused("unknown_format", "This format of password hash is not known.")


def malformed(what: str) -> HashRefused:
    return HashRefused("malformed_hash", f"The hash looks like {what} but is malformed.")


def within(value: int, lowest: int, highest: int, what: str) -> int:
    """Raises HashRefused for a cost below what the algorithm takes or above our ceiling."""
    if value < lowest:
        raise HashRefused("malformed_hash", f"The hash has an impossible {what}: at least {lowest} is needed.")
    if value > highest:
        raise HashRefused("hash_too_costly", f"The hash has too high a {what}: at most {highest} is taken.")
    return value


def decode_base64(text: str, what: str, *, alphabet: str = "standard", longest: int = _LONGEST_SALT_BYTES) -> bytes:
    """Padded or not. Raises HashRefused for other characters and for more than `longest` bytes."""
    pattern, other = _ALPHABETS[alphabet]
    stripped = text.rstrip("=")
    if len(text) - len(stripped) > 2 or not pattern.fullmatch(stripped):  # noqa: PLR2004 - what base64 pads at most
        raise malformed(what)
    try:
        decoded = base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=other, validate=True)
    except (binascii.Error, ValueError):
        raise malformed(what) from None
    if len(decoded) > longest:
        raise malformed(what)
    return decoded
