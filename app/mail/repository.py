"""The outbox. A mail's payload is sealed, and gone once the mail is sent or given up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from app.database.engine import Connection
from app.mail.domain import NOTICE_WINDOW, NOTICES_AT_ONCE, MailKind, OutboxState, QueuedMail
from app.mail.tables import PENDING, outbox

_SWEPT_AT_ONCE = 1000

_QUEUED = (
    outbox.c.id,
    outbox.c.account_id,
    outbox.c.letter,
    outbox.c.sealed,
    outbox.c.created_at,
    outbox.c.attempts,
    outbox.c.give_up_at,
    outbox.c.times,
)
# The one that waits for more of its kind is not claimed before it is due, so nobody else is about to send it.
_ADD_NOTICE = text("""
    WITH recent AS (
        SELECT created_at FROM outbox
        WHERE account_id = :account_id AND letter = :letter AND recipient = :recipient AND created_at > :since
    ), joined AS (
        UPDATE outbox SET sealed = :sealed, created_at = :at, give_up_at = :give_up_at, times = times + 1,
            not_me_digest = :not_me_digest
        WHERE id = (
            SELECT id FROM outbox
            WHERE account_id = :account_id AND letter = :letter AND recipient = :recipient
                AND sealed IS NOT NULL AND attempts = 0 AND next_attempt_at > :at AND next_attempt_at > created_at
            ORDER BY id LIMIT 1 FOR UPDATE)
        RETURNING id
    )
    INSERT INTO outbox (id, account_id, letter, recipient, sealed, created_at, attempts, next_attempt_at, give_up_at,
                        not_me_digest)
    SELECT :id, :account_id, :letter, :recipient, :sealed, :at, 0,
        CASE WHEN (SELECT count(*) FROM recent) < :at_once THEN CAST(:at AS timestamptz)
             ELSE CAST(:at AS timestamptz) + make_interval(secs => :window) END,
        :give_up_at, :not_me_digest
    WHERE NOT EXISTS (SELECT FROM joined)
""").bindparams(
    bindparam("id", type_=Uuid),
    bindparam("account_id", type_=Uuid),
    bindparam("recipient", type_=LargeBinary),
    bindparam("sealed", type_=LargeBinary),
    bindparam("not_me_digest", type_=LargeBinary),
)


@dataclass(frozen=True)
class OutboxRows:
    connection: Connection

    async def add(
        self,
        id: UUID,
        kind: MailKind,
        *,
        account_id: UUID,
        recipient: bytes,
        sealed: bytes,
        at: datetime,
        give_up_at: datetime,
    ) -> None:
        values = {
            "id": id,
            "account_id": account_id,
            "letter": kind,
            "recipient": recipient,
            "sealed": sealed,
            "created_at": at,
            "attempts": 0,
            "next_attempt_at": at,
            "give_up_at": give_up_at,
        }
        await self.connection.execute(insert(outbox), values)

    async def add_notice(
        self,
        id: UUID,
        kind: MailKind,
        *,
        account_id: UUID,
        recipient: bytes,
        sealed: bytes,
        at: datetime,
        give_up_at: datetime,
        not_me_digest: bytes | None,
    ) -> None:
        """As `add`; after some of one kind to one recipient the next waits, and takes in those that follow it."""
        values = {
            "id": id,
            "account_id": account_id,
            "letter": kind.value,
            "recipient": recipient,
            "sealed": sealed,
            "at": at,
            "since": at - NOTICE_WINDOW,
            "give_up_at": give_up_at,
            "not_me_digest": not_me_digest,
            "at_once": NOTICES_AT_ONCE,
            "window": NOTICE_WINDOW.total_seconds(),
        }
        await self.connection.execute(_ADD_NOTICE, values)

    async def claim_due(self, at: datetime, *, until: datetime, limit: int) -> Sequence[QueuedMail]:
        """Mails that nobody else will touch before `until`; a claim that is never settled lapses then."""
        due = (
            select(outbox.c.id)
            .where(PENDING, outbox.c.next_attempt_at <= at)
            .order_by(outbox.c.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claim = update(outbox).where(outbox.c.id == due.c.id)
        claimed = claim.values(attempts=outbox.c.attempts + 1, next_attempt_at=until).returning(*_QUEUED)
        return [QueuedMail(*row) for row in await self.connection.execute(claimed)]

    async def mark_sent(self, id: UUID, at: datetime) -> None:
        await self._settle(id, sent_at=at)

    async def mark_failed(self, id: UUID, at: datetime) -> None:
        """Gives the mail up. The row stays for a while, to be counted."""
        await self._settle(id, failed_at=at)

    async def reschedule(self, mail: QueuedMail, *, until: datetime) -> None:
        """Unless somebody else has claimed it meanwhile."""
        mine = (outbox.c.id == mail.id) & (outbox.c.attempts == mail.attempts)
        await self.connection.execute(update(outbox).where(mine).values(next_attempt_at=until))

    async def open_not_me(self, digest: bytes, *, since: datetime) -> tuple[UUID, str] | None:
        """Whose link it is and which kind of notice holds it; None for unknown, used and expired ones."""
        query = select(outbox.c.account_id, outbox.c.letter).where(self._is_open(digest, since))
        row = (await self.connection.execute(query)).first()
        return (row[0], row[1]) if row else None

    async def spend_not_me(self, digest: bytes, at: datetime, *, since: datetime) -> bool:
        statement = update(outbox).where(self._is_open(digest, since)).values(not_me_spent_at=at)
        return (await self.connection.execute(statement)).rowcount == 1

    @staticmethod
    def _is_open(digest: bytes, since: datetime) -> ColumnElement[bool]:
        return and_(outbox.c.not_me_digest == digest, outbox.c.not_me_spent_at.is_(None), outbox.c.created_at > since)

    async def remove_all_of(self, account_id: UUID) -> None:
        await self.connection.execute(delete(outbox).where(outbox.c.account_id == account_id))

    async def state(self, at: datetime) -> OutboxState:
        # One that waits for more of its kind is not late.
        late = (outbox.c.attempts > 0) | (outbox.c.next_attempt_at <= at)
        waiting = select(func.count(), func.min(outbox.c.created_at).filter(late)).where(PENDING)
        dead = select(func.count()).where(outbox.c.failed_at.is_not(None)).scalar_subquery()
        pending, oldest, failed = (await self.connection.execute(waiting.add_columns(dead))).one()
        age = (at - oldest).total_seconds() if oldest else 0.0
        return OutboxState(pending=pending, oldest_age_seconds=max(0.0, age), dead=failed)

    async def sweep(self, *, before: datetime) -> int:
        """Removes up to a thousand mails that were sent or given up earlier; returns how many."""
        settled_at = func.coalesce(outbox.c.sent_at, outbox.c.failed_at)
        old = select(outbox.c.id).where(settled_at < before).limit(_SWEPT_AT_ONCE)
        return (await self.connection.execute(delete(outbox).where(outbox.c.id.in_(old)))).rowcount

    async def count_sealed(self) -> int:
        return (await self.connection.execute(select(func.count()).where(PENDING))).scalar_one()

    async def sealed_after(self, id: UUID | None, *, limit: int) -> Sequence[tuple[UUID, UUID, bytes]]:
        """The id, owner and payload of pending mails, in the order of their ids."""
        query = select(outbox.c.id, outbox.c.account_id, outbox.c.sealed).where(PENDING)
        if id is not None:
            query = query.where(outbox.c.id > id)
        rows = await self.connection.execute(query.order_by(outbox.c.id).limit(limit))
        return [(row.id, row.account_id, row.sealed) for row in rows]

    async def reseal(self, id: UUID, *, old: bytes, new: bytes) -> bool:
        """False where the payload is no longer the one that was read: sent meanwhile, or resealed by another."""
        same = (outbox.c.id == id) & (outbox.c.sealed == old)
        return (await self.connection.execute(update(outbox).where(same).values(sealed=new))).rowcount == 1

    async def _settle(self, id: UUID, **when: datetime) -> None:
        values: Mapping[str, Any] = {"sealed": None, **when}
        await self.connection.execute(update(outbox).where(outbox.c.id == id, PENDING).values(**values))
