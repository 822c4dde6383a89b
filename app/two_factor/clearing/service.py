"""A reset that clears two-factor authentication later: begin, cancel, remind, clear.

No worker decides anything. The worker mails; the next right password after the end finds the second factor gone.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import Change, CredentialChange, Record
from app.database.engine import Connection, Database
from app.kernel.clock import Clock, rfc3339
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.two_factor.clearing.domain import (
    CancelledBy,
    CancelLinkInvalid,
    Clearing,
    NothingToCancel,
    next_mail_after,
)
from app.two_factor.clearing.repository import Clearings
from app.two_factor.domain import SecondFactor
from app.two_factor.repository import CodeAttempts, SecondFactors

_REMINDED_AT_ONCE = 20
_BUDGET = "two-factor clearing"


class _NotDue(Exception):
    """Takes the bump of the epoch back: nothing changes."""


@dataclass(frozen=True)
class TwoFactorClearing:
    database: Database
    clock: Clock
    wait: timedelta
    pause: timedelta
    attempts: Attempts
    accounts: Accounts
    changes: CredentialChange
    audit_log: AuditLog
    outbox: Outbox

    async def begin(self, change: Change) -> datetime | None:
        """In a reset, while 2FA is on: when the wait ends. One that runs goes on, and never restarts.

        None in the pause after a cancelled one. The caller mails, with the link of `new_link`.
        """
        account_id, at = change.account.id, change.context.at
        clears_at = self.end_from(at)
        first_mail_at = next_mail_after(at, started_at=at, clears_at=clears_at)
        rows = Clearings(change.connection)
        if not await rows.begin(account_id, Clearing(at, clears_at, change.context.requester, first_mail_at)):
            return await rows.clears_at(account_id)
        await self.audit_log.record(
            change.connection,
            EventType.TWO_FACTOR_CLEARING_STARTED,
            change.context,
            account_id=account_id,
            clears_at=rfc3339(clears_at),
        )
        return clears_at

    def end_from(self, at: datetime) -> datetime:
        """When a wait ends that begins now."""
        return at + self.wait

    async def new_link(self, connection: Connection, account_id: UUID) -> str:
        """Each mail about a clearing has a link of its own, since only its digest is kept."""
        secret = new_secret(SecretKind.CLEARING)
        await Clearings(connection).add_link(account_id, digest(secret))
        return secret.get_secret_value()

    async def cancel_by_proof(
        self, connection: Connection, account: Account, factor: SecondFactor, context: RequestContext
    ) -> SecondFactor:
        """Where a right code, recovery code or credential is spent: whoever has the factor needs no clearing."""
        if factor.clears_at is None:
            return factor
        if await Clearings(connection).cancel(account.id):
            await self._tell_of_cancelling(connection, account, CancelledBy.PROOF, context)
        return replace(factor, clears_at=None)

    async def cancel_by_operator(
        self, connection: Connection, account: Account, context: RequestContext, reason: str
    ) -> None:
        """The caller has locked the account. Raises NothingToCancel."""
        if not await Clearings(connection).cancel(account.id):
            raise NothingToCancel
        by = CancelledBy.OPERATOR
        await self._tell_of_cancelling(connection, account, by, context, reason=reason)

    async def cancel_by_link(self, secret: str, context: RequestContext) -> None:
        """Also voids the password that the reset set, and keeps resets from beginning another wait for a while.

        Raises CancelLinkInvalid, RateLimited.
        """
        await self.attempts.take_request(context, budget=_BUDGET)
        found = digest_if(secret, SecretKind.CLEARING)
        if found is None:
            raise CancelLinkInvalid
        async with self.database.autocommit() as connection:
            account_id = await Clearings(connection).holder_of_link(found)
        if account_id is None:
            raise CancelLinkInvalid
        paused_until = context.at + self.pause
        try:
            async with self.changes.unconditionally(account_id, context) as change:
                if not await Clearings(change.connection).cancel_by_link(account_id, found, paused_until=paused_until):
                    raise CancelLinkInvalid
                await self.accounts.void_password(change.connection, account_id)
                what = {"by": CancelledBy.LINK.value}
                about, kind = EventType.TWO_FACTOR_CLEARING_CANCELLED, MailKind.TWO_FACTOR_CLEARING_CANCELLED
                await change.end(Record(about, kind, what, what))
        except NotFound:
            raise CancelLinkInvalid from None

    async def cancel_by_undo(self, change: Change) -> None:
        """Where a change of address is taken back: a reset through the other mailbox may have begun the wait.

        The caller mails.
        """
        if await Clearings(change.connection).cancel(change.account.id):
            await self.audit_log.record(
                change.connection,
                EventType.TWO_FACTOR_CLEARING_CANCELLED,
                change.context,
                account_id=change.account.id,
                by=CancelledBy.UNDO.value,
            )

    async def clear(self, account: Account, context: RequestContext) -> Account | None:
        """After a right password: 2FA off without residue where the wait is over; everything older dies.

        None, and nothing done, where the account or the wait is no longer as it was read.
        """
        with suppress(_NotDue):
            async with self.changes.by_link(account, context) as change:
                if change is None or not await Clearings(change.connection).end_if_due(account.id, context.at):
                    raise _NotDue
                await SecondFactors(change.connection).turn_off(account.id)
                await self.accounts.end_grace(change.connection, account.id, context.at)
                await CodeAttempts(change.connection).forgive(account.id)
                await change.end(Record(EventType.TWO_FACTOR_CLEARED, MailKind.TWO_FACTOR_CLEARED))
                return change.account
        return None

    async def send_reminders(self) -> int:
        """The worker's part: half-way, a day before, and at the end. How many went out."""
        at = self.clock.now()
        async with self.database.autocommit() as connection:
            due = await Clearings(connection).due_for_mail(at, most=_REMINDED_AT_ONCE)
        return sum([await self._remind(account_id, at) for account_id in due])

    async def _remind(self, account_id: UUID, at: datetime) -> bool:
        """Whether this worker did: the time of the next mail moves on in the transaction that queues this one."""
        async with self.database.transaction() as connection:
            await self.accounts.lock_existence(connection, account_id)
            account, rows = await self.accounts.with_id(connection, account_id), Clearings(connection)
            clearing = await rows.find(account_id)
            if account is None or clearing is None or clearing.next_mail_at is None or clearing.next_mail_at > at:
                return False
            following = next_mail_after(at, started_at=clearing.started_at, clears_at=clearing.clears_at)
            if not await rows.take_mail(account_id, clearing, following):
                return False
            over = clearing.clears_at <= at
            await self.outbox.queue(
                connection,
                MailKind.TWO_FACTOR_CLEARING_DUE if over else MailKind.TWO_FACTOR_CLEARING_REMINDER,
                RequestContext(at, clearing.requester),
                account_id=account_id,
                to=account.address,
                locale=account.locale,
                token=await self.new_link(connection, account_id),
                clears_at=rfc3339(clearing.clears_at),
            )
        return True

    async def _tell_of_cancelling(
        self, connection: Connection, account: Account, by: CancelledBy, context: RequestContext, **details: str
    ) -> None:
        about, kind = EventType.TWO_FACTOR_CLEARING_CANCELLED, MailKind.TWO_FACTOR_CLEARING_CANCELLED
        await self.audit_log.record(connection, about, context, account_id=account.id, by=by.value, **details)
        await self.outbox.queue(
            connection, kind, context, account_id=account.id, to=account.address, locale=account.locale, by=by.value
        )
