"""Sealing everything anew with the first key, each secret by one compare-and-swap: it may stop and start anywhere."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from app.database.engine import Connection, Database
from app.key_rotation.domain import Resealing
from app.key_rotation.repository import count_by_key
from app.security.secret_box import SealBroken, SecretBox

_AT_ONCE = 100


async def count_unknown_seals(connection: Connection, secret_box: SecretBox) -> int:
    """How many stored secrets can't be opened, since their key is not among ours."""
    counts = await count_by_key(connection)
    return sum(count for key, count in counts.items() if not secret_box.knows(key))


class Sealing(Protocol):
    """A service that keeps something sealed."""

    async def count_sealed(self, connection: Connection) -> int: ...

    async def sealed_after(
        self, connection: Connection, id: UUID | None, *, limit: int
    ) -> Sequence[tuple[UUID, UUID, bytes]]: ...

    async def reseal(self, connection: Connection, id: UUID, *, old: bytes, new: bytes) -> bool: ...


@dataclass(frozen=True)
class Rotation:
    database: Database
    secret_box: SecretBox

    async def reseal(self, service: Sealing) -> AsyncIterator[Resealing]:
        """Reports after each batch. What was sealed anew before is passed over."""
        async with self.database.autocommit() as connection:
            progress = Resealing(total=await service.count_sealed(connection))
        last: UUID | None = None
        while True:
            async with self.database.autocommit() as connection:
                rows = await service.sealed_after(connection, last, limit=_AT_ONCE)
                for last, owner, sealed in rows:
                    progress = await self._reseal(connection, service, progress, last, owner, sealed)
            yield progress
            if len(rows) < _AT_ONCE:
                return

    async def _reseal(
        self, connection: Connection, service: Sealing, progress: Resealing, id: UUID, owner: UUID, sealed: bytes
    ) -> Resealing:
        progress = replace(progress, seen=progress.seen + 1)
        if self.secret_box.is_current(sealed):
            return progress
        try:
            fresh = self.secret_box.seal(self.secret_box.open(sealed, owner=owner), owner=owner)
        except SealBroken:
            return replace(progress, unreadable=progress.unreadable + 1)
        changed = await service.reseal(connection, id, old=sealed, new=fresh)
        return replace(progress, resealed=progress.resealed + changed)
