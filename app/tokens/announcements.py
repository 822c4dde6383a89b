"""Mails that a personal token will end, a week before it does."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.service import Accounts
from app.database.engine import Database
from app.kernel.clock import Clock, rfc3339
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import LifeRules, Token
from app.tokens.repository import EndRows

_AT_ONCE = 1000


@dataclass(frozen=True)
class Announcements:
    database: Database
    clock: Clock
    accounts: Accounts
    outbox: Outbox
    rules: LifeRules

    async def announce_ends(self) -> None:
        """Each end once, however many workers look for them; an end that a use has moved is another one."""
        at = self.clock.now()
        async with self.database.autocommit() as connection:
            ending = await EndRows(connection, self.rules).unannounced_ends(at, most=_AT_ONCE)
        for id, account_id in ending:
            await self._announce(id, account_id, at)

    async def _announce(self, id: UUID, account_id: UUID, at: datetime) -> None:
        async with self.database.transaction() as connection:
            await self.accounts.lock_existence(connection, account_id)
            account = await self.accounts.with_id(connection, account_id)
            token = await EndRows(connection, self.rules).announce_end(id, at)
            if account is None or token is None or token.expires_at is None:
                return
            await self.outbox.queue(
                connection,
                MailKind.PERSONAL_TOKEN_ENDS,
                RequestContext(at, _last_user(token)),
                account_id=account_id,
                to=account.address,
                locale=account.locale,
                created_at=rfc3339(token.created_at),
                ends_at=rfc3339(token.expires_at),
            )


def _last_user(token: Token) -> Requester:
    return Requester(token.last_used_ip, token.last_used_user_agent)
