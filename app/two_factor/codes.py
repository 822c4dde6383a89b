"""The codes that a second factor takes: six digits of an authenticator app, and recovery codes."""

import base64
import hashlib
import unicodedata

from app.kernel.randomness import random_bytes

RECOVERY_CODE_COUNT = 10
_RECOVERY_CODE_BYTES = 15
_TOTP_CODE_LENGTH = 6
# Unicode's dashes, spaces, and format characters, which have no width; and what looks like a dash and is called a sign.
_DECORATION = frozenset({"Pd", "Zs", "Cf"})
_OTHER_DASHES = "\N{MINUS SIGN}\N{HYPHEN BULLET}\N{MODIFIER LETTER MINUS SIGN}"


def is_totp_code(code: str) -> bool:
    """Six ASCII digits; everything else that comes in as a code is a recovery code."""
    return len(code) == _TOTP_CODE_LENGTH and code.isascii() and code.isdigit()


def new_recovery_codes() -> list[str]:
    """Ten codes of 120 random bits each, in six groups of four base32 characters."""
    codes = (base64.b32encode(random_bytes(_RECOVERY_CODE_BYTES)).decode() for _ in range(RECOVERY_CODE_COUNT))
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def plain_recovery_code(text: str) -> str:
    """Without what typing, pasting and word processors add: case, white space, any dash, what has no width.

    Empty where a letter outside ASCII is left, since some of those have an ASCII capital.
    """
    kept = "".join(char for char in text if not _is_decoration(char)).rstrip(",;.")
    return kept.upper() if kept.isascii() else ""


def _is_decoration(char: str) -> bool:
    return char.isspace() or char in _OTHER_DASHES or unicodedata.category(char) in _DECORATION


def recovery_code_digest(code: str) -> bytes:
    """SHA-256 is enough for 120 random bits (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(plain_recovery_code(code).encode()).digest()
