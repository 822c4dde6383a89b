"""One's account, one's password, one's tokens all at once, one's events."""

from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.audit.domain import Event, EventType
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange, Record
from app.authentication.domain import Changed, Grant
from app.database.engine import Database
from app.kernel.page import PageOf
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.tokens.domain import Caller, Revoked, require_session
from app.tokens.service import Tokens
from app.two_factor.service import TwoFactor


@dataclass(frozen=True)
class Profile:
    database: Database
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    two_factor: TwoFactor
    changes: CredentialChange
    audit_log: AuditLog

    async def change_password(
        self, caller: Caller, current: SecretStr, new: SecretStr, context: RequestContext
    ) -> Changed:
        """2FA stays, and so do `amr` and `auth_time` of the calling session; everything older dies.

        A pending enrollment is dropped. Raises WrongPassword, WeakPassword, InvalidToken, TooManyAttempts, Overloaded.
        """
        account, token = caller.account, caller.token
        await self.passwords.reauthenticate(account, current, context)
        self.passwords.refuse_same(new, current)
        password_hash = await self.passwords.hash_new(new, account.address)
        async with self.changes.by_caller(caller, context) as change:
            await self.accounts.set_password(change.connection, account, password_hash)
            state = await self.two_factor.drop_pending(change.connection, change.account, context.at)
            record = Record(EventType.PASSWORD_CHANGED, MailKind.PASSWORD_CHANGED)
            issued, revoked = await change.end_with_session(record, token.amr, token.authenticated_at)
        return Changed(Grant(issued, change.account, state), revoked)

    async def set_locale(self, caller: Caller, locale: str | None, context: RequestContext) -> Account:
        """Raises InvalidToken."""
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller, exclusively=True)
            if await self.accounts.set_locale(connection, caller.account.id, locale):
                await self.audit_log.record(
                    connection, EventType.ACCOUNT_UPDATED, context, account_id=caller.account.id, locale=locale
                )
        return replace(caller.account, locale=locale)

    async def revoke_all_tokens(self, caller: Caller, context: RequestContext) -> Revoked:
        """Every token, one that is being created at this moment included. Raises SessionRequired, InvalidToken."""
        require_session(caller)
        async with self.changes.by_caller(caller, context) as change:
            return await change.end(Record(EventType.TOKENS_REVOKED, details={"reason": "revoke_all"}))

    async def events(self, caller: Caller, *, after: UUID | None, limit: int) -> PageOf[Event]:
        async with self.database.autocommit() as connection:
            return await self.audit_log.events_of(connection, caller.account.id, after=after, limit=limit)
