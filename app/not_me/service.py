"""Ends what somebody else may have begun, and lets the owner choose a new password."""

from dataclasses import dataclass

from app.audit.domain import EventType
from app.authentication.change import Change, CredentialChange, Record
from app.database.engine import Database
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.mail.domain import Notice
from app.mail.service import Outbox
from app.not_me.domain import NotMeLinkInvalid
from app.password_reset.sender import ResetLinkSender
from app.tokens.domain import Revoked


@dataclass(frozen=True)
class NotMe:
    database: Database
    changes: CredentialChange
    reset_links: ResetLinkSender
    outbox: Outbox

    async def report(self, secret: str, context: RequestContext) -> Revoked:
        """Everything that the account had dies, and a reset link goes to its mailbox. Raises NotMeLinkInvalid.

        The link survives a change of credentials, since the very change that it tells of would end it.
        """
        async with self.database.autocommit() as connection:
            notice = await self.outbox.notice_with(connection, secret, context.at)
        if notice is None:
            raise NotMeLinkInvalid
        try:
            async with self.changes.unconditionally(notice.account_id, context) as change:
                return await self._end(change, notice)
        except NotFound:
            raise NotMeLinkInvalid from None

    async def _end(self, change: Change, notice: Notice) -> Revoked:
        spent = change.account.is_active and await self.outbox.spend(change.connection, notice, change.context.at)
        if not spent:
            raise NotMeLinkInvalid
        details = {"reason": "not_me", "notice": notice.kind}
        revoked = await change.end(Record(EventType.TOKENS_REVOKED, details=details))
        await self.reset_links.send_link_after_notice(change.connection, change.account, change.context)
        return revoked
