"""The verbs of operators. Each act records one event that says who, and why; the one rule of token life holds."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account, AccountPolicy, Status
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.admin.domain import (
    AccountChange,
    AccountFilter,
    Coverage,
    KnownAccount,
    TwoFactorReset,
    read_reason,
)
from app.admin.repository import AccountPages
from app.audit.domain import Event, EventFilter, EventType
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange, Record
from app.authentication.domain import TwoFactorState
from app.database.engine import Connection, Database
from app.email_change.service import EmailChange
from app.kernel.clock import Clock
from app.kernel.page import PageOf
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.requester import NO_REQUESTER
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.observability.metrics import Gauge
from app.password_reset.sender import ResetLinkSender
from app.password_reset.service import PasswordReset
from app.tokens.domain import Revoked, Token
from app.tokens.service import Tokens
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.service import TwoFactor

_accounts = Gauge(
    "twokeys_two_factor_accounts",
    "Active accounts by the state of their two-factor authentication; one may be in several.",
    ("state",),
    multiprocess_mode="mostrecent",
)


class _SoAlready(Exception):
    """Takes the bump of the epoch back: nothing changes."""


def _why(reason: str | None) -> dict[str, str]:
    return {} if reason is None else {"reason": reason}


@dataclass(frozen=True)
class Admin:
    database: Database
    clock: Clock
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    changes: CredentialChange
    two_factor: TwoFactor
    authenticators: AuthenticatorService
    password_reset: PasswordReset
    reset_links: ResetLinkSender
    email_change: EmailChange
    audit_log: AuditLog
    outbox: Outbox

    async def create(
        self, email: str, password: SecretStr | None, context: RequestContext, *, locale: str | None = None
    ) -> KnownAccount:
        """Without a password the person gets a mail to set one. Raises FieldError, WeakPassword, AddressTaken."""
        address = self.accounts.read_address(email)
        password_hash = await self.passwords.hash_new(password, address.text) if password is not None else None
        async with self.database.transaction() as connection:
            account = await self.accounts.add(connection, address, password_hash, context.at, locale=locale)
            invited = password_hash is None
            await self.audit_log.record(
                connection, EventType.ACCOUNT_CREATED, context, account_id=account.id, invited=invited
            )
            if invited:
                await self.reset_links.invite(connection, account, context)
            await self.accounts.grant_deadlines(connection, [account.id], context.at)
            return await self._with_id(connection, account.id)

    async def page(self, wanted: AccountFilter, *, after: UUID | None, limit: int) -> PageOf[KnownAccount]:
        """Newest first. Raises FieldError for an address that is none."""
        if wanted.email is not None:
            wanted = replace(wanted, email=self.accounts.read_address(wanted.email).folded)
        async with self.database.autocommit() as connection:
            found = await AccountPages(connection, self.accounts.policy).page(
                wanted, self.clock.now(), after=after, limit=limit
            )
            known = await self._known(connection, *found.items)
        return PageOf(known, found.next_after)

    async def account(self, id: UUID) -> KnownAccount:
        """Raises NotFound."""
        async with self.database.autocommit() as connection:
            return await self._with_id(connection, id)

    async def account_with_address(self, email: str) -> KnownAccount:
        """Raises FieldError, NotFound."""
        async with self.database.autocommit() as connection:
            account = await self.accounts.with_address(connection, self.accounts.read_address(email).folded)
            if account is None:
                raise NotFound("There is no account with this address.")
            return (await self._known(connection, account))[0]

    async def change(self, id: UUID, wanted: AccountChange, context: RequestContext) -> KnownAccount:
        """Each change is an act of its own, with its own event. Raises FieldError, NotFound, AddressTaken."""
        reason = wanted.reason
        if reason is not None or wanted.policy is AccountPolicy.EXEMPT:
            reason = read_reason(reason or "")
        # Then this, since nothing else can be refused.
        if wanted.email is not None:
            await self._change_address(id, wanted.email, reason, context)
        if wanted.changes_locale:
            await self._set_locale(id, wanted.locale, reason, context)
        if wanted.status is not None:
            await (self.enable if wanted.status is Status.ACTIVE else self.disable)(id, context, reason)
        if wanted.policy is not None:
            await self._set_policy(id, wanted.policy, reason, context)
        return await self.account(id)

    async def _change_address(self, id: UUID, email: str, reason: str | None, context: RequestContext) -> None:
        """At once, and unverified; ends everything that the account had, and both mailboxes hear of it.

        Raises FieldError, NotFound, AddressTaken.
        """
        address = self.accounts.read_address(email)
        with suppress(_SoAlready):
            async with self.changes.unconditionally(id, context) as change:
                if change.account.address == address.text:
                    raise _SoAlready
                await self.email_change.change_for_operator(change, address, _why(reason))

    async def _set_locale(self, id: UUID, locale: str | None, reason: str | None, context: RequestContext) -> None:
        async with self.database.transaction() as connection:
            if await self.accounts.set_locale(connection, id, locale):
                await self.audit_log.record(
                    connection, EventType.ACCOUNT_UPDATED, context, account_id=id, locale=locale, **_why(reason)
                )

    async def _set_policy(self, id: UUID, policy: AccountPolicy, reason: str | None, context: RequestContext) -> None:
        """Whether this account must have two-factor authentication; one that must and has none gets its deadline.

        An exemption brings back to life what was suspended. Raises NotFound.
        """
        async with self.database.transaction() as connection:
            account = await self._lock(connection, id)
            if await self.accounts.set_policy(connection, id, policy):
                was, event = account.two_factor_policy.value, EventType.ACCOUNT_POLICY_CHANGED
                details = {"policy": policy.value, "was": was}
                await self.audit_log.record(connection, event, context, account_id=id, **details, **_why(reason))
                if not (await self.two_factor.factor_in(connection, id)).is_enabled:
                    await self.accounts.grant_deadlines(connection, [id], context.at)

    async def disable(self, id: UUID, context: RequestContext, reason: str | None = None) -> KnownAccount:
        """Ends everything that the account had. One that is disabled already stays as it is. Raises NotFound."""
        with suppress(_SoAlready):
            async with self.changes.unconditionally(id, context) as change:
                if not await self.accounts.set_status(change.connection, id, Status.DISABLED):
                    raise _SoAlready
                await change.end(Record(EventType.ACCOUNT_DISABLED, details=_why(reason)))
                return await self._with_id(change.connection, id)
        return await self.account(id)

    async def enable(self, id: UUID, context: RequestContext, reason: str | None = None) -> KnownAccount:
        """Brings nothing back but the right to log in. Raises NotFound."""
        async with self.database.transaction() as connection:
            if await self.accounts.set_status(connection, id, Status.ACTIVE):
                await self.audit_log.record(
                    connection, EventType.ACCOUNT_ENABLED, context, account_id=id, **_why(reason)
                )
            return await self._with_id(connection, id)

    async def coverage(self) -> Coverage:
        """Of active accounts, how many have a second factor, and how many must."""
        async with self.database.autocommit() as connection:
            return await AccountPages(connection, self.accounts.policy).coverage(self.clock.now())

    async def measure_coverage(self) -> None:
        """The worker's part: the same as a metric."""
        for state, number in vars(await self.coverage()).items():
            _accounts.labels(state).set(number)

    async def delete(self, id: UUID, context: RequestContext) -> None:
        """Nothing personal stays: the events keep the id, and where the operator sat is not kept either.

        Raises NotFound.
        """
        async with self.database.transaction() as connection:
            account = await self.accounts.with_id(connection, id)
            if account is None:
                raise NotFound
            # Before the account's row, as the worker that answers requests locks them.
            await self.password_reset.forget(connection, account.folded_address)
            if not await self.accounts.remove(connection, account):
                raise NotFound
            await self.audit_log.forget(connection, id)
            await self.outbox.forget(connection, id)
            nowhere = replace(context, requester=NO_REQUESTER)
            await self.audit_log.record(connection, EventType.ACCOUNT_DELETED, nowhere, account_id=id)

    async def remove_authenticator(
        self, id: UUID, authenticator_id: UUID, reason: str, context: RequestContext
    ) -> TwoFactorReset:
        """One alone; everything that the account had dies as well. Raises FieldError, NotFound, LastAuthenticator."""
        reason = read_reason(reason)
        async with self.changes.unconditionally(id, context) as change:
            revoked = await self.authenticators.remove_for_operator(change, authenticator_id, reason)
            known = await self._with_id(change.connection, id)
        return TwoFactorReset(known.two_factor, revoked)

    async def reset_two_factor(self, id: UUID, reason: str, context: RequestContext) -> TwoFactorReset:
        """Also ends a lock by wrong codes, and everything that the account had. Raises FieldError, NotFound."""
        reason = read_reason(reason)
        async with self.changes.unconditionally(id, context) as change:
            was_enabled = await self.two_factor.remove(change.connection, id, change.context.at)
            details = {"reason": reason, "was_enabled": was_enabled}
            revoked = await change.end(Record(EventType.TWO_FACTOR_RESET, MailKind.TWO_FACTOR_RESET_BY_ADMIN, details))
            known = await self._with_id(change.connection, id)
        return TwoFactorReset(known.two_factor, revoked)

    async def cancel_clearing(self, id: UUID, reason: str, context: RequestContext) -> TwoFactorState:
        """2FA stays on, and so does the new password. Raises FieldError, NotFound, NothingToCancel."""
        reason = read_reason(reason)
        async with self.database.transaction() as connection:
            account = await self._lock(connection, id)
            await self.two_factor.clearing.cancel_by_operator(connection, account, context, reason)
            return (await self._with_id(connection, id)).two_factor

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
            account = await self._lock(connection, id)
            await self.tokens.revoke_one(connection, account, token_id, context, reason="revoked_by_operator")

    async def unlock(self, id: UUID, reason: str, context: RequestContext) -> KnownAccount:
        """Ends locks by wrong codes and by wrong passwords, and nothing else. Raises FieldError, NotFound."""
        reason = read_reason(reason)
        async with self.database.transaction() as connection:
            account = await self._lock(connection, id)
            await self.two_factor.verifier.forgive(connection, id)
            await self.accounts.unlock(connection, account)
            await self.audit_log.record(connection, EventType.ACCOUNT_UNLOCKED, context, account_id=id, reason=reason)
            return (await self._known(connection, account))[0]

    async def _lock(self, connection: Connection, id: UUID) -> Account:
        """Locks the account against deletion, before anything else of it. Raises NotFound."""
        await self.accounts.lock_existence(connection, id)
        account = await self.accounts.with_id(connection, id)
        if account is None:
            raise NotFound
        return account

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

    async def events(self, wanted: EventFilter, *, after: UUID | None, limit: int) -> PageOf[Event]:
        """Newest first."""
        async with self.database.autocommit() as connection:
            return await self.audit_log.all_events(connection, wanted, after=after, limit=limit)

    def stream_events(self, wanted: EventFilter) -> AsyncIterator[Sequence[Event]]:
        """All of them in batches, oldest first."""
        return self.audit_log.stream(self.database, wanted)

    async def _with_id(self, connection: Connection, id: UUID) -> KnownAccount:
        account = await self.accounts.with_id(connection, id)
        if account is None:
            raise NotFound
        return (await self._known(connection, account))[0]

    async def _known(self, connection: Connection, *accounts: Account) -> list[KnownAccount]:
        at = self.clock.now()
        states = await self.two_factor.states_of(connection, accounts, at)
        return [KnownAccount(account.as_of(at), state) for account, state in zip(accounts, states, strict=True)]
