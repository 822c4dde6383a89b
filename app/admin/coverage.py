"""How many accounts have two-factor authentication: counted for each who asks, until there are many accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.domain import EnrollmentPolicy
from app.admin.domain import CoverageCount
from app.admin.repository import CoverageRows
from app.database.engine import Connection, Database
from app.kernel.clock import Clock

_RENEWED_AFTER = timedelta(minutes=5)
# Longer, so that a worker that is late leaves the counting to no request. With no worker, each request counts.
_KEPT_FOR = timedelta(minutes=15)
_BEGINNING = UUID(int=0)


@dataclass(frozen=True)
class CoverageCounter:
    database: Database
    clock: Clock
    policy: EnrollmentPolicy
    at_once: int = 100_000
    """Up to this many accounts are counted by one statement; of more, the worker keeps a count."""

    async def latest(self) -> CoverageCount:
        at = self.clock.now()
        async with self.database.autocommit() as connection:
            kept = await CoverageRows(connection).kept()
            if kept and kept.age(at) < _KEPT_FOR:
                return kept
            count, _ = await self._count(connection, at)
            return count

    async def renew(self) -> CoverageCount:
        """The worker's part."""
        at = self.clock.now()
        async with self.database.autocommit() as connection:
            kept = await CoverageRows(connection).kept()
            if kept and kept.age(at) < _RENEWED_AFTER:
                return kept
            count, is_of_many = await self._count(connection, at)
            if is_of_many:
                await CoverageRows(connection).keep(count)
            return count

    async def _count(self, connection: Connection, at: datetime) -> tuple[CoverageCount, bool]:
        """Also whether it took more than one statement; then each account was counted as it was at its turn."""
        rows = CoverageRows(connection)
        last = await rows.last_of_slice(_BEGINNING, self.at_once)
        counted = await rows.count(_BEGINNING, last, at, self.policy)
        is_of_many = last is not None
        while last is not None:
            after, last = last, await rows.last_of_slice(last, self.at_once)
            counted += await rows.count(after, last, at, self.policy)
        return CoverageCount(counted, at), is_of_many
