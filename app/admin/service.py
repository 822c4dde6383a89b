"""The verbs of operators about accounts, and what happened. Each act records one event that says who, and why."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import AccountPolicy, Status
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.admin.coverage import CoverageCounter
from app.admin.domain import AccountChange, AccountFilter, KnownAccount, read_reason
from app.admin.known import KnownAccounts
from app.admin.repository import AccountPages
from app.audit.domain import Event, EventFilter, EventType
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange, Record
from app.database.engine import Database
from app.email_change.service import EmailChange
from app.kernel.clock import Clock
from app.kernel.page import PageOf
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.requester import NO_REQUESTER
from app.mail.service import Outbox
from app.observability.metrics import Gauge
from app.password_reset.sender import ResetLinkSender
from app.password_reset.service import PasswordReset
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
    known: KnownAccounts
    accounts: Accounts
    passwords: Passwords
    changes: CredentialChange
    two_factor: TwoFactor
    password_reset: PasswordReset
    reset_links: ResetLinkSender
    email_change: EmailChange
    audit_log: AuditLog
    outbox: Outbox
    coverage: CoverageCounter

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
            return await self.known.with_id(connection, account.id)

    async def page(self, wanted: AccountFilter, *, after: UUID | None, limit: int) -> PageOf[KnownAccount]:
        """Newest first. Raises FieldError for an address that is none."""
        if wanted.email is not None:
            wanted = replace(wanted, email=self.accounts.read_address(wanted.email).folded)
        async with self.database.autocommit() as connection:
            found = await AccountPages(connection, self.accounts.policy).page(
                wanted, self.clock.now(), after=after, limit=limit
            )
            known = await self.known.of(connection, *found.items)
        return PageOf(known, found.next_after)

    async def account(self, id: UUID) -> KnownAccount:
        """Raises NotFound."""
        async with self.database.autocommit() as connection:
            return await self.known.with_id(connection, id)

    async def account_with_address(self, email: str) -> KnownAccount:
        """Raises FieldError, NotFound."""
        async with self.database.autocommit() as connection:
            account = await self.accounts.with_address(connection, self.accounts.read_address(email).folded)
            if account is None:
                raise NotFound("There is no account with this address.")
            return (await self.known.of(connection, account))[0]

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
            account = await self.known.lock(connection, id)
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
                return await self.known.with_id(change.connection, id)
        return await self.account(id)

    async def enable(self, id: UUID, context: RequestContext, reason: str | None = None) -> KnownAccount:
        """Brings nothing back but the right to log in. Raises NotFound."""
        async with self.database.transaction() as connection:
            if await self.accounts.set_status(connection, id, Status.ACTIVE):
                await self.audit_log.record(
                    connection, EventType.ACCOUNT_ENABLED, context, account_id=id, **_why(reason)
                )
            return await self.known.with_id(connection, id)

    async def measure_coverage(self) -> None:
        """The worker's part: counts where that is due, and shows it as a metric."""
        for state, number in vars((await self.coverage.renew()).coverage).items():
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

    async def events(self, wanted: EventFilter, *, after: UUID | None, limit: int) -> PageOf[Event]:
        """Newest first."""
        async with self.database.autocommit() as connection:
            return await self.audit_log.all_events(connection, wanted, after=after, limit=limit)

    def stream_events(self, wanted: EventFilter) -> AsyncIterator[Sequence[Event]]:
        """All of them in batches, oldest first."""
        return self.audit_log.stream(self.database, wanted)
