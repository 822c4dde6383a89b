"""Requests for a link, and links. A link is spent once and dies of time or with its account's epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    delete,
    func,
    insert,
    select,
    update,
)

from app.accounts.domain import Status
from app.accounts.tables import accounts
from app.database.engine import Connection, metadata
from app.kernel.requester import Requester
from app.password_reset.domain import RequestedBy, ResetLink, ResetRequest

requests = Table(
    "password_reset_requests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("folded_address", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("ip", Text),
    Column("user_agent", Text),
    Index("password_reset_requests_folded_address_idx", "folded_address"),
)
links = Table(
    "password_reset_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("spent_at", DateTime(timezone=True)),
    Column("requested_by", Text, nullable=False, server_default=RequestedBy.PERSON),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("password_reset_links_account_id_idx", "account_id", "created_at"),
    Index("password_reset_links_expires_at_idx", "expires_at"),
)


@dataclass(frozen=True)
class ResetRequests:
    connection: Connection

    async def add(self, request: ResetRequest) -> None:
        values = {"id": request.id, "folded_address": request.folded_address, "requested_at": request.requested_at}
        requester = {"ip": request.requester.address, "user_agent": request.requester.user_agent}
        await self.connection.execute(insert(requests).values(**values, **requester))

    async def take(self, *, most: int) -> Sequence[ResetRequest]:
        """Takes the oldest ones out; no other worker gets them, and a fault puts them back with the transaction."""
        oldest = select(requests.c.id).order_by(requests.c.id).limit(most).with_for_update(skip_locked=True)
        statement = delete(requests).where(requests.c.id.in_(oldest.scalar_subquery()))
        rows = await self.connection.execute(statement.returning(*requests.c))
        found = [ResetRequest(row[0], row[1], row[2], Requester(row[3], row[4])) for row in rows]
        return sorted(found, key=lambda request: request.id)

    async def forget(self, folded_address: str) -> None:
        await self.connection.execute(delete(requests).where(requests.c.folded_address == folded_address))


@dataclass(frozen=True)
class ResetLinks:
    connection: Connection

    async def add(self, link: ResetLink, requested_by: RequestedBy, at: datetime, expires_at: datetime) -> None:
        values = {"digest": link.digest, "account_id": link.account_id, "epoch": link.epoch}
        times = {"created_at": at, "expires_at": expires_at}
        await self.connection.execute(insert(links).values(**values, **times, requested_by=requested_by))

    async def count_open(self, account_id: UUID, at: datetime) -> int:
        """Of those that a person asked for, as in the other counts."""
        return await self._count(account_id, links.c.spent_at.is_(None) & self._lives(at))

    async def count_useful_since(self, account_id: UUID, since: datetime) -> int:
        """Without those that a change of credentials killed: nobody could follow them."""
        useful = links.c.spent_at.is_not(None) | (links.c.epoch == accounts.c.credential_epoch)
        return await self._count(account_id, (links.c.created_at > since) & useful)

    async def count_since(self, account_id: UUID, since: datetime) -> int:
        return await self._count(account_id, links.c.created_at > since)

    async def times_by_operators(self, account_id: UUID, since: datetime) -> Sequence[datetime]:
        """When operators asked for one, oldest first."""
        by_operators = (links.c.account_id == account_id) & (links.c.requested_by == RequestedBy.OPERATOR)
        query = select(links.c.created_at).where(by_operators, links.c.created_at > since).order_by(links.c.created_at)
        return list(await self.connection.scalars(query))

    async def open_with(self, digest: bytes, at: datetime) -> ResetLink | None:
        """None for unknown, used and expired links, and for those whose account has changed since."""
        query = (
            select(links.c.digest, links.c.account_id, links.c.epoch)
            .join(accounts, accounts.c.id == links.c.account_id)
            .where(links.c.digest == digest, links.c.spent_at.is_(None), self._lives(at))
        )
        row = (await self.connection.execute(query)).first()
        return ResetLink(*row) if row else None

    async def spend(self, digest: bytes, at: datetime) -> bool:
        """False where it was spent before, or its time has run out."""
        unspent = (links.c.digest == digest) & links.c.spent_at.is_(None) & (links.c.expires_at > at)
        statement = update(links).where(unspent).values(spent_at=at)
        return (await self.connection.execute(statement.returning(links.c.account_id))).first() is not None

    async def delete_old(self, before: datetime) -> None:
        """Only those that no longer count against the mails of the last hour."""
        await self.connection.execute(delete(links).where(links.c.expires_at <= before, links.c.created_at <= before))

    async def _count(self, account_id: UUID, which: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(links).join(accounts, accounts.c.id == links.c.account_id)
        counted: int = (
            await self.connection.execute(
                query.where(links.c.account_id == account_id, links.c.requested_by == RequestedBy.PERSON, which)
            )
        ).scalar_one()
        return counted

    @staticmethod
    def _lives(at: datetime) -> ColumnElement[bool]:
        return (
            (links.c.expires_at > at)
            & (links.c.epoch == accounts.c.credential_epoch)
            & (accounts.c.status == Status.ACTIVE)
        )
