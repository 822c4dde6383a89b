"""Deadlines for accounts that must have a second factor and have none: the worker's part of granting them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.service import Accounts
from app.database.engine import Connection
from app.two_factor.repository import Deadlineless

_AT_ONCE = 1000


@dataclass(frozen=True)
class Deadlines:
    accounts: Accounts

    async def sweep(self, connection: Connection, at: datetime) -> None:
        """Grants each of them its deadline, so that what they hold is suspended in time though nobody logs in.

        An account with a policy of its own was granted it with the policy. Tokens need no sweep: each check compares.
        """
        if not self.accounts.policy.required:
            return
        last: UUID | None = None
        while True:
            page = await Deadlineless(connection).page(after=last, limit=_AT_ONCE)
            await self.accounts.grant_deadlines(connection, [id for id, has_factor in page if not has_factor], at)
            if len(page) < _AT_ONCE:
                return
            last = page[-1][0]
