"""The statements of tickets."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select

from app.accounts.domain import Account, Status
from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import account_of, accounts
from app.database.engine import Connection
from app.two_factor.tables import tickets
from app.two_factor.tickets.domain import Ticket


@dataclass(frozen=True)
class Tickets:
    connection: Connection

    async def add(self, id: UUID, digest: bytes, account: Account, at: datetime, expires_at: datetime) -> None:
        """In the transaction that has locked the account."""
        values = {"id": id, "digest": digest, "account_id": account.id, "epoch": account.epoch}
        await self.connection.execute(insert(tickets), values | {"created_at": at, "expires_at": expires_at})

    async def find(self, digest: bytes, at: datetime) -> Ticket | None:
        """None for one that is unknown, spent, over, or from before the epoch was bumped."""
        good = (
            (tickets.c.digest == digest)
            & (tickets.c.expires_at > at)
            & (tickets.c.epoch == accounts.c.credential_epoch)
            & (accounts.c.status == Status.ACTIVE)
        )
        query = select(*ACCOUNT_COLUMNS, tickets.c.id.label("ticket_id"), tickets.c.created_at.label("issued_at"))
        found = await self.connection.execute(
            query.join_from(tickets, accounts, accounts.c.id == tickets.c.account_id).where(good)
        )
        row = found.first()
        return Ticket(row.ticket_id, row.issued_at, account_of(row)) if row else None

    async def spend(self, id: UUID, at: datetime) -> bool:
        """False where it was spent before, or is over."""
        spent = delete(tickets).where(tickets.c.id == id, tickets.c.expires_at > at).returning(tickets.c.id)
        return (await self.connection.execute(spent)).first() is not None

    async def delete_old(self, before: datetime) -> None:
        await self.connection.execute(delete(tickets).where(tickets.c.expires_at <= before))
