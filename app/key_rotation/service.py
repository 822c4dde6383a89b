"""Sealing everything anew with the first key, each secret by one compare-and-swap: it may stop and start anywhere."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID

from app.database.engine import Connection, Database
from app.key_rotation.repository import count_by_key
from app.mail.domain import Resealing
from app.mail.service import Outbox
from app.security.secret_box import SealBroken, SecretBox
from app.two_factor.repository import SealedSecrets

_AT_ONCE = 100


async def count_unknown_seals(connection: Connection, secret_box: SecretBox) -> int:
    """How many stored secrets can't be opened, since their key is not among ours."""
    counts = await count_by_key(connection)
    return sum(count for key, count in counts.items() if not secret_box.knows(key))


@dataclass(frozen=True)
class Rotation:
    database: Database
    secret_box: SecretBox
    outbox: Outbox

    async def secrets(self) -> AsyncIterator[Resealing]:
        """Reports after each batch of authenticator secrets. What was sealed anew before is passed over."""
        async with self.database.autocommit() as connection:
            progress = Resealing(total=await SealedSecrets(connection).count())
        last: UUID | None = None
        while True:
            async with self.database.autocommit() as connection:
                rows = await SealedSecrets(connection).after(last, limit=_AT_ONCE)
                for last, owner, sealed in rows:
                    progress = await self._reseal(SealedSecrets(connection), progress, last, owner, sealed)
            yield progress
            if len(rows) < _AT_ONCE:
                return

    def mails(self) -> AsyncIterator[Resealing]:
        """The same for the mails that wait in the outbox."""
        return self.outbox.reseal(self.database)

    async def _reseal(
        self, rows: SealedSecrets, progress: Resealing, id: UUID, owner: UUID, sealed: bytes
    ) -> Resealing:
        progress = replace(progress, seen=progress.seen + 1)
        if self.secret_box.is_current(sealed):
            return progress
        try:
            fresh = self.secret_box.seal(self.secret_box.open(sealed, owner=owner), owner=owner)
        except SealBroken:
            return replace(progress, unreadable=progress.unreadable + 1)
        changed = await rows.reseal(id, sealed, fresh)
        return replace(progress, resealed=progress.resealed + changed)
