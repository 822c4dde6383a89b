"""Requests with their links, and undo links. A link is spent once; one that confirms dies with its account's epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
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
    UniqueConstraint,
    Uuid,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from app.accounts.domain import Address, Status
from app.accounts.tables import accounts
from app.database.engine import Connection, metadata
from app.email_change.domain import ChangeRequest, Sent, Undo
from app.kernel.requester import Requester
from app.two_factor.domain import Possessions

_HOUR = timedelta(hours=1)

changes = Table(
    "email_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("folded_address", Text, nullable=False),
    # None until the worker has sent the link. Nobody has the one for an address that is taken.
    Column("digest", LargeBinary),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    # Followed, cancelled, or over a limit.
    Column("ended_at", DateTime(timezone=True)),
    Column("ip", Text),
    Column("user_agent", Text),
    UniqueConstraint("digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("email_changes_account_id_idx", "account_id", "requested_at"),
    Index("email_changes_expires_at_idx", "expires_at"),
)
_WAITING = and_(changes.c.digest.is_(None), changes.c.ended_at.is_(None))
Index("email_changes_waiting_idx", changes.c.id, postgresql_where=_WAITING)
undos = Table(
    "email_change_undos",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("folded_address", Text, nullable=False),
    Column("authenticator_ids", ARRAY(Uuid), nullable=False),
    Column("recovery_code_digests", ARRAY(LargeBinary), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("email_change_undos_account_id_idx", "account_id"),
    Index("email_change_undos_expires_at_idx", "expires_at"),
)


def _open(at: datetime) -> ColumnElement[bool]:
    """For a link joined to its account."""
    return and_(
        changes.c.digest.is_not(None),
        changes.c.ended_at.is_(None),
        changes.c.expires_at > at,
        changes.c.epoch == accounts.c.credential_epoch,
        accounts.c.status == Status.ACTIVE,
    )


_REQUEST = (
    changes.c.id,
    changes.c.account_id,
    changes.c.epoch,
    changes.c.address,
    changes.c.folded_address,
    changes.c.requested_at,
    changes.c.expires_at,
    changes.c.ip,
    changes.c.user_agent,
)


@dataclass(frozen=True)
class ChangeRequests:
    connection: Connection

    async def add(self, request: ChangeRequest) -> None:
        values = {"id": request.id, "account_id": request.account_id, "epoch": request.epoch}
        address = {"address": request.address.text, "folded_address": request.address.folded}
        times = {"requested_at": request.requested_at, "expires_at": request.expires_at}
        requester = {"ip": request.requester.address, "user_agent": request.requester.user_agent}
        await self.connection.execute(insert(changes).values(**values, **address, **times, **requester))

    async def waiting(self, *, most: int) -> Sequence[ChangeRequest]:
        """The oldest that no worker has answered. Locks nothing: an account's row is locked before its requests."""
        query = select(*_REQUEST).where(_WAITING).order_by(changes.c.id).limit(most)
        return [
            ChangeRequest(row[0], row[1], row[2], Address(row[3], row[4]), row[5], row[6], Requester(row[7], row[8]))
            for row in await self.connection.execute(query)
        ]

    async def answer(self, id: UUID, digest: bytes) -> bool:
        """False where another worker did, or it was cancelled."""
        answered = update(changes).where(changes.c.id == id, _WAITING).values(digest=digest)
        return (await self.connection.execute(answered)).rowcount == 1

    async def end(self, id: UUID, at: datetime) -> None:
        await self.connection.execute(update(changes).where(changes.c.id == id, _WAITING).values(ended_at=at))

    async def sent(self, account_id: UUID, at: datetime) -> Sent:
        """A link that was cancelled, or that a change of credentials killed, still went to somebody's mailbox."""
        within_hour = changes.c.digest.is_not(None) & (changes.c.requested_at > at - _HOUR)
        query = (
            select(func.count().filter(_open(at)), func.count().filter(within_hour))
            .select_from(changes.join(accounts, accounts.c.id == changes.c.account_id))
            .where(changes.c.account_id == account_id)
        )
        return Sent(*(await self.connection.execute(query)).one())

    async def open_with(self, digest: bytes, at: datetime) -> tuple[UUID, int, Address] | None:
        """The account, its epoch and the address. None for unknown, used, cancelled and expired links."""
        query = (
            select(changes.c.account_id, changes.c.epoch, changes.c.address, changes.c.folded_address)
            .join(accounts, accounts.c.id == changes.c.account_id)
            .where(changes.c.digest == digest, _open(at))
        )
        row = (await self.connection.execute(query)).first()
        return (row[0], row[1], Address(row[2], row[3])) if row else None

    async def spend(self, digest: bytes, at: datetime) -> bool:
        """False where it was spent or cancelled before, or its time has run out."""
        unspent = (changes.c.digest == digest) & changes.c.ended_at.is_(None) & (changes.c.expires_at > at)
        spent = update(changes).where(unspent).values(ended_at=at)
        return (await self.connection.execute(spent)).rowcount == 1

    async def cancel_all(self, account_id: UUID, at: datetime) -> bool:
        """Whether there was one."""
        mine = (changes.c.account_id == account_id) & changes.c.ended_at.is_(None) & (changes.c.expires_at > at)
        return (await self.connection.execute(update(changes).where(mine).values(ended_at=at))).rowcount > 0

    async def delete_old(self, at: datetime) -> Sequence[UUID]:
        """Only those that no longer count against the mails of the last hour; returns whose they were."""
        old = (changes.c.expires_at <= at) & (changes.c.requested_at <= at - _HOUR)
        return list(await self.connection.scalars(delete(changes).where(old).returning(changes.c.account_id)))


@dataclass(frozen=True)
class Undos:
    connection: Connection

    async def add(self, digest: bytes, undo: Undo, expires_at: datetime) -> None:
        values = {"digest": digest, "account_id": undo.account_id, "epoch": undo.epoch, "expires_at": expires_at}
        address = {"address": undo.address.text, "folded_address": undo.address.folded}
        had = {
            "authenticator_ids": undo.possessions.authenticator_ids,
            "recovery_code_digests": undo.possessions.recovery_code_digests,
        }
        await self.connection.execute(insert(undos).values(**values, **address, **had))

    async def account_with(self, digest: bytes, at: datetime) -> UUID | None:
        query = select(undos.c.account_id).where(undos.c.digest == digest, undos.c.expires_at > at)
        found: UUID | None = await self.connection.scalar(query)
        return found

    async def spend(self, digest: bytes, at: datetime) -> Undo | None:
        """With the undo links of all later changes, whose mailboxes have no claim any more. None where it is gone."""
        mine = delete(undos).where(undos.c.digest == digest, undos.c.expires_at > at)
        row = (await self.connection.execute(mine.returning(*undos.c))).first()
        if row is None:
            return None
        later = (undos.c.account_id == row.account_id) & (undos.c.epoch > row.epoch)
        await self.connection.execute(delete(undos).where(later))
        had = Possessions(tuple(row.authenticator_ids), tuple(row.recovery_code_digests))
        return Undo(row.account_id, row.epoch, Address(row.address, row.folded_address), had)

    async def delete_old(self, at: datetime) -> None:
        await self.connection.execute(delete(undos).where(undos.c.expires_at <= at))
