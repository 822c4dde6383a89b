"""The verbs of operators about the ways into one account. Each records one event that says who, and why."""

from dataclasses import dataclass
from uuid import UUID

from app.accounts.service import Accounts
from app.admin.domain import KnownAccount, TwoFactorReset, read_reason
from app.admin.known import KnownAccounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange, Record
from app.authentication.domain import TwoFactorState
from app.database.engine import Database
from app.kernel.page import PageOf
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.password_reset.sender import ResetLinkSender
from app.tokens.domain import Revoked, Token
from app.tokens.service import Tokens
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.service import TwoFactor
from app.two_factor.verifier import CodeVerifier


@dataclass(frozen=True)
class Access:
    database: Database
    known: KnownAccounts
    accounts: Accounts
    tokens: Tokens
    changes: CredentialChange
    two_factor: TwoFactor
    verifier: CodeVerifier
    clearing: TwoFactorClearing
    authenticators: AuthenticatorService
    reset_links: ResetLinkSender
    audit_log: AuditLog

    async def remove_authenticator(
        self, id: UUID, authenticator_id: UUID, reason: str, context: RequestContext
    ) -> TwoFactorReset:
        """One alone; everything that the account had dies as well. Raises FieldError, NotFound, LastAuthenticator."""
        reason = read_reason(reason)
        async with self.changes.unconditionally(id, context) as change:
            revoked = await self.authenticators.remove_for_operator(change, authenticator_id, reason)
            known = await self.known.with_id(change.connection, id)
        return TwoFactorReset(known.two_factor, revoked)

    async def reset_two_factor(self, id: UUID, reason: str, context: RequestContext) -> TwoFactorReset:
        """Also ends a lock by wrong codes, and everything that the account had. Raises FieldError, NotFound."""
        reason = read_reason(reason)
        async with self.changes.unconditionally(id, context) as change:
            was_enabled = await self.two_factor.remove(change.connection, id, change.context.at)
            details = {"reason": reason, "was_enabled": was_enabled}
            revoked = await change.end(Record(EventType.TWO_FACTOR_RESET, MailKind.TWO_FACTOR_RESET_BY_ADMIN, details))
            known = await self.known.with_id(change.connection, id)
        return TwoFactorReset(known.two_factor, revoked)

    async def cancel_clearing(self, id: UUID, reason: str, context: RequestContext) -> TwoFactorState:
        """2FA stays on, and so does the new password. Raises FieldError, NotFound, NothingToCancel."""
        reason = read_reason(reason)
        async with self.database.transaction() as connection:
            account = await self.known.lock(connection, id)
            await self.clearing.cancel_by_operator(connection, account, context, reason)
            return (await self.known.with_id(connection, id)).two_factor

    async def revoke_tokens(self, id: UUID, reason: str, context: RequestContext) -> Revoked:
        """Raises FieldError, NotFound."""
        details = {"reason": read_reason(reason)}
        async with self.changes.unconditionally(id, context) as change:
            return await change.end(Record(EventType.TOKENS_REVOKED, details=details))

    async def tokens_of(self, id: UUID, *, after: UUID | None, limit: int) -> PageOf[Token]:
        """Live ones, newest first. Raises NotFound."""
        async with self.database.autocommit() as connection:
            if await self.accounts.with_id(connection, id) is None:
                raise NotFound
            return await self.tokens.live_of(connection, id, after=after, limit=limit)

    async def revoke_token(self, id: UUID, token_id: UUID, context: RequestContext) -> None:
        """One live token of this account. Raises NotFound."""
        async with self.database.transaction() as connection:
            account = await self.known.lock(connection, id)
            await self.tokens.revoke_one(connection, account, token_id, context, reason="revoked_by_operator")

    async def unlock(self, id: UUID, reason: str, context: RequestContext) -> KnownAccount:
        """Ends locks by wrong codes and by wrong passwords, and nothing else. Raises FieldError, NotFound."""
        reason = read_reason(reason)
        async with self.database.transaction() as connection:
            account = await self.known.lock(connection, id)
            await self.verifier.forgive(connection, id)
            await self.accounts.unlock(connection, account)
            await self.audit_log.record(connection, EventType.ACCOUNT_UNLOCKED, context, account_id=id, reason=reason)
            return (await self.known.of(connection, account))[0]

    async def revoke_every_token(self, reason: str, context: RequestContext) -> int:
        """For a database that was restored, where revoked tokens live again: how many accounts there are.

        Raises FieldError.
        """
        return await self.changes.of_every_account(context, reason=read_reason(reason))

    async def send_password_reset(self, id: UUID, context: RequestContext) -> None:
        """The mail that the person could have asked for, with a budget of its own.

        Raises NotFound, AccountDisabled, TooManyResetMails.
        """
        async with self.database.transaction() as connection:
            account = await self.accounts.with_id(connection, id)
            if account is None:
                raise NotFound
            await self.reset_links.send_operators_link(connection, account, context)
