"""The outbox: every module queues its mail here, in the transaction of what the mail is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from app.database.engine import Connection
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, digest_if, fingerprint, new_secret
from app.mail.domain import (
    LONGEST_DELIVERY,
    NOT_ME_LIFE,
    MailContext,
    MailKind,
    Notice,
    carries_not_me,
    facts_of,
    is_notice,
    pack,
)
from app.mail.repository import OutboxRows
from app.security.secret_box import SecretBox

# Settled mail can be looked up for a week, and no shorter than its link lives.
_SETTLED_KEPT = NOT_ME_LIFE


@dataclass(frozen=True)
class Outbox:
    secret_box: SecretBox

    async def queue(
        self,
        connection: Connection,
        kind: MailKind,
        context: RequestContext,
        *,
        account_id: UUID,
        to: str,
        locale: str | None,
        give_up_at: datetime | None = None,
        **facts: object,
    ) -> None:
        """Puts a mail into the outbox. `give_up_at` is when it would be of no use any more, three days at most.

        A notice that comes after several of its kind waits, and becomes one mail with those that follow. It carries a
        link by which the person says that it was somebody else.

        Raises TypeError where a fact is missing that this kind of mail needs.
        """
        missing = facts_of(kind) - facts.keys()
        if missing:
            raise TypeError(f"{kind} also needs {sorted(missing)}")
        not_me = new_secret(SecretKind.NOT_ME) if carries_not_me(kind) else None
        if not_me is not None:
            facts["not_me"] = not_me.get_secret_value()
        at, rows = context.at, OutboxRows(connection)
        last = at + LONGEST_DELIVERY
        link = digest(not_me) if not_me is not None else None
        add = partial(rows.add_notice, not_me_digest=link) if is_notice(kind) else rows.add
        await add(
            new_id(),
            kind,
            account_id=account_id,
            recipient=fingerprint("recipient", to.lower()),
            sealed=self.secret_box.seal(
                pack(MailContext(to, at, context.requester, facts, locale=locale)), owner=account_id
            ),
            at=at,
            give_up_at=min(give_up_at or last, last),
        )

    async def notice_with(self, connection: Connection, secret: str, at: datetime) -> Notice | None:
        """The notice whose link "This wasn't me" this is; None for unknown, used and expired ones."""
        found = digest_if(secret, SecretKind.NOT_ME)
        row = await OutboxRows(connection).open_not_me(found, since=at - NOT_ME_LIFE) if found else None
        return Notice(found, *row) if found and row else None

    async def spend(self, connection: Connection, notice: Notice, at: datetime) -> bool:
        """Uses the link of a notice up; False where it was used before."""
        return await OutboxRows(connection).spend_not_me(notice.digest, at, since=at - NOT_ME_LIFE)

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
