"""Sealed secrets of authenticator apps, pending ones included, for sealing them anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update

from app.database.engine import Connection
from app.two_factor.tables import authenticators, enrollments, sealed_secrets


@dataclass(frozen=True)
class SealedSecrets:
    connection: Connection

    async def count(self) -> int:
        return (await self.connection.execute(select(func.count()).select_from(sealed_secrets))).scalar_one()

    async def after(self, id: UUID | None, *, limit: int) -> Sequence[tuple[UUID, UUID, bytes]]:
        """Ids, accounts and sealed secrets in the order of ids."""
        query = select(*sealed_secrets.c).order_by(sealed_secrets.c.id)
        if id is not None:
            query = query.where(sealed_secrets.c.id > id)
        return [(row[0], row[1], row[2]) for row in await self.connection.execute(query.limit(limit))]

    async def reseal(self, id: UUID, old: bytes, new: bytes) -> bool:
        """False where the secret changed meanwhile. A confirmed device has the id of its enrollment."""
        pending = (enrollments.c.id == id) & (enrollments.c.sealed_secret == old)
        if (await self.connection.execute(update(enrollments).where(pending).values(sealed_secret=new))).rowcount:
            return True
        confirmed = (authenticators.c.id == id) & (authenticators.c.sealed_secret == old)
        changed = await self.connection.execute(update(authenticators).where(confirmed).values(sealed_secret=new))
        return changed.rowcount == 1
