"""The one source of randomness: ids and everything unguessable."""

import secrets
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

T = TypeVar("T")


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): sorts by the time of its making."""
    return uuid7()


def random_bytes(count: int) -> bytes:
    return secrets.token_bytes(count)


def random_text(byte_count: int) -> str:
    """URL-safe text that carries `byte_count` random bytes."""
    return secrets.token_urlsafe(byte_count)


def shuffled(items: Sequence[T]) -> list[T]:
    """The items in a random order."""
    return secrets.SystemRandom().sample(items, len(items))
