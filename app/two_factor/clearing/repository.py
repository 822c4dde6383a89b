"""The statements of clearings. Each of the ways in which one can end is one conditional statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.database.engine import Connection
from app.kernel.requester import Requester
from app.two_factor.clearing.domain import Clearing
from app.two_factor.tables import clearing_links, clearings, factor_accounts

_mine = clearings.c.account_id


@dataclass(frozen=True)
class Clearings:
    connection: Connection

    async def begin(self, account_id: UUID, clearing: Clearing) -> bool:
        """False where one runs already, in the pause after a cancelled one, and without a second factor."""
        requester = clearing.requester
        values = {
            "account_id": factor_accounts.c.account_id,
            "started_at": literal(clearing.started_at),
            "clears_at": literal(clearing.clears_at),
            "next_mail_at": literal(clearing.next_mail_at, clearings.c.next_mail_at.type),
            "ip": literal(requester.address, clearings.c.ip.type),
            "user_agent": literal(requester.user_agent, clearings.c.user_agent.type),
        }
        paused_until = factor_accounts.c.clearing_paused_until
        may = select(*values.values()).where(
            factor_accounts.c.account_id == account_id,
            factor_accounts.c.enabled_at.is_not(None),
            or_(paused_until.is_(None), paused_until <= clearing.started_at),
        )
        begun = upsert(clearings).from_select(list(values), may).on_conflict_do_nothing(index_elements=[_mine])
        return (await self.connection.execute(begun.returning(_mine))).first() is not None

    async def clears_at(self, account_id: UUID) -> datetime | None:
        found: datetime | None = await self.connection.scalar(select(clearings.c.clears_at).where(_mine == account_id))
        return found

    async def add_link(self, account_id: UUID, digest: bytes) -> None:
        """It goes with its clearing."""
        await self.connection.execute(insert(clearing_links), {"digest": digest, "account_id": account_id})

    async def holder_of_link(self, digest: bytes) -> UUID | None:
        query = select(clearing_links.c.account_id).where(clearing_links.c.digest == digest)
        found: UUID | None = await self.connection.scalar(query)
        return found

    async def cancel(self, account_id: UUID) -> bool:
        """False where none runs any more."""
        return await self._end(_mine == account_id)

    async def cancel_by_link(self, account_id: UUID, digest: bytes, *, paused_until: datetime) -> bool:
        """Also keeps resets from beginning another before then. False where this link's clearing runs no more."""
        link = select(clearing_links.c.account_id).where(clearing_links.c.digest == digest)
        if not await self._end((_mine == account_id) & _mine.in_(link)):
            return False
        paused = update(factor_accounts).where(factor_accounts.c.account_id == account_id)
        await self.connection.execute(paused.values(clearing_paused_until=paused_until))
        return True

    async def end_if_due(self, account_id: UUID, at: datetime) -> bool:
        """False where it was cancelled meanwhile, or its time has not come."""
        return await self._end((_mine == account_id) & (clearings.c.clears_at <= at))

    async def due_for_mail(self, at: datetime, *, most: int) -> Sequence[UUID]:
        query = select(_mine).where(clearings.c.next_mail_at <= at).order_by(clearings.c.next_mail_at)
        return list(await self.connection.scalars(query.limit(most)))

    async def find(self, account_id: UUID) -> Clearing | None:
        c = clearings.c
        query = select(c.started_at, c.clears_at, c.ip, c.user_agent, c.next_mail_at).where(_mine == account_id)
        row = (await self.connection.execute(query)).first()
        return Clearing(row[0], row[1], Requester(row[2], row[3]), row[4]) if row else None

    async def take_mail(self, account_id: UUID, clearing: Clearing, following: datetime | None) -> bool:
        """False where another worker mails this time; the next mail is due at `following`."""
        mine = (_mine == account_id) & (clearings.c.next_mail_at == clearing.next_mail_at)
        taken = update(clearings).where(mine, clearings.c.started_at == clearing.started_at)
        statement = taken.values(next_mail_at=following).returning(_mine)
        return (await self.connection.execute(statement)).first() is not None

    async def _end(self, which: ColumnElement[bool]) -> bool:
        ended = delete(clearings).where(which).returning(_mine)
        return (await self.connection.execute(ended)).first() is not None
