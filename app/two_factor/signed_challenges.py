"""Challenges that are signed and not stored, so that asking for them leaves nothing behind (ADR 15).

Such a secret holds its end and 96 random bits, and a signature over both and its purpose. It has the shape of every
other secret. It becomes good for one use when its use is stored, which needs no row before.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

from pydantic import SecretStr

from app.kernel.randomness import random_bytes
from app.kernel.secret import SecretKind

_END_BYTES = 4
_RANDOM_BYTES = 12
_SIGNATURE_BYTES = 16
_SIGNED_BYTES = _END_BYTES + _RANDOM_BYTES


class ChallengeSigner:
    """Signs with the first key, knows the signatures of all."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = tuple(hmac.digest(key, b"twokeys challenge", "sha256") for key in keys)

    def sign(self, purpose: str, ends_at: datetime) -> SecretStr:
        """`ends_at` counts in whole seconds."""
        signed = int(ends_at.timestamp()).to_bytes(_END_BYTES, "big") + random_bytes(_RANDOM_BYTES)
        return SecretStr(_text(signed + _signature(self._keys[0], signed, purpose)))

    def end_of(self, secret: str, purpose: str) -> datetime | None:
        """None for what we did not sign for this purpose."""
        try:
            raw = urlsafe_b64decode(secret.removeprefix(SecretKind.CHALLENGE).encode("ascii") + b"=")
        except ValueError:
            return None
        signed, signature = raw[:_SIGNED_BYTES], raw[_SIGNED_BYTES:]
        if _text(raw) != secret:
            return None
        if not any(hmac.compare_digest(_signature(key, signed, purpose), signature) for key in self._keys):
            return None
        return datetime.fromtimestamp(int.from_bytes(signed[:_END_BYTES], "big"), UTC)


def _text(raw: bytes) -> str:
    return SecretKind.CHALLENGE + urlsafe_b64encode(raw).decode().rstrip("=")


def _signature(key: bytes, signed: bytes, purpose: str) -> bytes:
    return hmac.digest(key, signed + purpose.encode(), "sha256")[:_SIGNATURE_BYTES]
