"""The outbox: every module queues its mail here, in the transaction of what the mail is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.database.engine import Connection
from app.kernel.randomness import new_id
from app.kernel.requester import Requester
from app.kernel.secret import fingerprint
from app.mail.domain import LONGEST_DELIVERY, MailContext, MailKind, facts_of, is_notice, pack
from app.mail.repository import OutboxRows
from app.security.secret_box import SecretBox

# Settled mail can be looked up for a week.
_SETTLED_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Outbox:
    secret_box: SecretBox

    async def queue(
        self,
        connection: Connection,
        kind: MailKind,
        *,
        account_id: UUID,
        to: str,
        at: datetime,
        requester: Requester,
        give_up_at: datetime | None = None,
        **facts: object,
    ) -> None:
        """Puts a mail into the outbox. `give_up_at` is when it would be of no use any more, three days at most.

        A notice that comes after several of its kind waits, and becomes one mail with those that follow.

        Raises TypeError where a fact is missing that this kind of mail needs.
        """
        missing = facts_of(kind) - facts.keys()
        if missing:
            raise TypeError(f"{kind} also needs {sorted(missing)}")
        last = at + LONGEST_DELIVERY
        rows = OutboxRows(connection)
        await (rows.add_notice if is_notice(kind) else rows.add)(
            new_id(),
            kind,
            account_id=account_id,
            recipient=fingerprint("recipient", to.lower()),
            sealed=self.secret_box.seal(pack(MailContext(to, at, requester, facts)), owner=account_id),
            at=at,
            give_up_at=min(give_up_at or last, last),
        )

    async def sweep(self, connection: Connection, at: datetime) -> None:
        while await OutboxRows(connection).sweep(before=at - _SETTLED_KEPT):
            pass

    async def forget(self, connection: Connection, account_id: UUID) -> None:
        """The account is deleted: no mail goes out any more."""
        await OutboxRows(connection).remove_all_of(account_id)

    async def count_sealed(self, connection: Connection) -> int:
        return await OutboxRows(connection).count_sealed()

    async def sealed_after(
        self, connection: Connection, id: UUID | None, *, limit: int
    ) -> Sequence[tuple[UUID, UUID, bytes]]:
        """Waiting mails in the order of their ids: the id, whose it is, and what is sealed."""
        return await OutboxRows(connection).sealed_after(id, limit=limit)

    async def reseal(self, connection: Connection, id: UUID, *, old: bytes, new: bytes) -> bool:
        """False where the mail is no longer sealed as it was read."""
        return await OutboxRows(connection).reseal(id, old=old, new=new)
