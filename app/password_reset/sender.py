"""Sending a link: who may have how many of them, and what each says."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection
from app.kernel.refusal import Unavailable
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.password_reset.domain import AccountDisabled, RequestedBy, ResetLink, TooManyResetMails
from app.password_reset.repository import ResetLinks

_INVITATION_LIFE = timedelta(days=3)
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True)
class ResetLinkSender:
    life: timedelta
    most_open: int
    most_per_hour: int
    accounts: Accounts
    audit_log: AuditLog
    outbox: Outbox

    async def send_requested_link(self, connection: Connection, account: Account, context: RequestContext) -> bool:
        """Whether a link goes out: three may be open and five may go in an hour.

        One that a change of credentials killed does not count, so that nobody inside an account uses the owner's mails
        up by changing the password in between; of those there are five a minute at most.
        """
        if not await self.accounts.lock_exclusively(connection, account):
            return False
        rows, most = ResetLinks(connection), self.most_per_hour
        if await rows.count_open(account.id, context.at) >= self.most_open:
            return False
        if await rows.count_useful_since(account.id, context.at - _HOUR) >= most:
            return False
        if await rows.count_since(account.id, context.at - _MINUTE) >= most:
            return False
        await self._send_link(connection, account, RequestedBy.PERSON, context)
        return True

    async def send_operators_link(self, connection: Connection, account: Account, context: RequestContext) -> None:
        """Five an hour beside those that the person or strangers ask for.

        Raises AccountDisabled, TooManyResetMails; Unavailable where the account changed at this moment.
        """
        if not account.is_active:
            raise AccountDisabled
        if not await self.accounts.lock_exclusively(connection, account):
            raise Unavailable(retry_after=1)
        earlier = await ResetLinks(connection).times_by_operators(account.id, context.at - _HOUR)
        if len(earlier) >= self.most_per_hour:
            wait = earlier[-self.most_per_hour] + _HOUR - context.at
            raise TooManyResetMails(retry_after=ceil(wait.total_seconds()))
        await self._send_link(connection, account, RequestedBy.OPERATOR, context)

    async def send_link_after_notice(self, connection: Connection, account: Account, context: RequestContext) -> None:
        """For an owner who says that somebody else was at work: whoever that was must not have used up the budget."""
        await self._send_link(connection, account, RequestedBy.NOTICE, context, reason="not_me")

    async def _send_link(
        self,
        connection: Connection,
        account: Account,
        requested_by: RequestedBy,
        context: RequestContext,
        **why: object,
    ) -> None:
        await self._post_link(connection, account, MailKind.PASSWORD_RESET, requested_by, self.life, context)
        await self.audit_log.record(
            connection, EventType.PASSWORD_RESET_REQUESTED, context, account_id=account.id, **why
        )

    async def invite(self, connection: Connection, account: Account, context: RequestContext) -> None:
        """A link for the first password of an account that was made without one; it lives three days."""
        kind, by = MailKind.INVITATION, RequestedBy.INVITATION
        await self._post_link(connection, account, kind, by, _INVITATION_LIFE, context)

    async def _post_link(
        self,
        connection: Connection,
        account: Account,
        kind: MailKind,
        requested_by: RequestedBy,
        life: timedelta,
        context: RequestContext,
    ) -> None:
        secret = new_secret(SecretKind.RESET)
        link = ResetLink(digest(secret), account.id, account.epoch)
        await ResetLinks(connection).add(link, requested_by, context.at, context.at + life)
        await self.outbox.queue(
            connection,
            kind,
            context,
            account_id=account.id,
            to=account.address,
            locale=account.locale,
            give_up_at=context.at + life,
            token=secret.get_secret_value(),
            minutes=max(1, life // _MINUTE),
        )
