"""Accounts that no deadline was granted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.accounts.tables import accounts
from app.database.engine import Connection
from app.two_factor.tables import factor_accounts


@dataclass(frozen=True)
class Deadlineless:
    connection: Connection

    async def page(self, *, after: UUID | None, limit: int) -> Sequence[tuple[UUID, bool]]:
        """In the order of their ids, each with whether it has a second factor: a walk that never reads all at once."""
        query = (
            select(accounts.c.id, factor_accounts.c.enabled_at.is_not(None))
            .outerjoin(factor_accounts, factor_accounts.c.account_id == accounts.c.id)
            .where(accounts.c.two_factor_deadline.is_(None))
            .order_by(accounts.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(accounts.c.id > after)
        return [(row[0], row[1]) for row in await self.connection.execute(query)]
