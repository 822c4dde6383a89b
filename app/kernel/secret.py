"""Secrets that say their kind, and the digests that are all we keep of them."""

import hashlib
import re
from enum import StrEnum

from pydantic import SecretStr

from app.kernel.randomness import random_text

_RANDOM_BYTES = 32
_BODY = re.compile(r"[A-Za-z0-9_-]{43}")


class SecretKind(StrEnum):
    SESSION = "tks_"
    PERSONAL = "tkp_"
    CHALLENGE = "tkc_"
    REGISTRATION = "tkw_"
    TICKET = "tke_"
    RESET = "tkr_"
    CLEARING = "tkx_"
    EMAIL_CHANGE = "tkm_"
    EMAIL_CHANGE_UNDO = "tku_"
    CLIENT = "tki_"
    NOT_ME = "tkn_"


def new_secret(kind: SecretKind) -> SecretStr:
    """The kind's prefix and 256 random bits."""
    return SecretStr(kind + random_text(_RANDOM_BYTES))


def digest(secret: SecretStr) -> bytes:
    """SHA-256: enough for 256 (or 120) random bits, which nobody can try through (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(secret.get_secret_value().encode()).digest()


def digest_if(text: str, *kinds: SecretKind) -> bytes | None:
    """The digest of `text` where it has the shape of one of these kinds; a secret of another kind is nothing here."""
    if text[:4] not in kinds or not _BODY.fullmatch(text[4:]):
        return None
    return digest(SecretStr(text))


def fingerprint(*parts: str) -> bytes:
    """Stands for an address in a count, so that the count does not spell the address out."""
    return hashlib.sha256("\n".join(parts).encode()).digest()
