"""The one place that draws lots: ids and everything unguessable."""

import secrets
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): sorts by the time of its making."""
    return uuid7()


def random_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)


def random_text(byte_count: int) -> str:
    """URL-safe text that carries `byte_count` random bytes."""
    return secrets.token_urlsafe(byte_count)
