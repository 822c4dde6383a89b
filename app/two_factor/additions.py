"""How every new authenticator ends, whatever its kind.

The first one turns two-factor authentication on. A replacement takes the place of an old one. Both end everything that
the account had. A further one ends the calling session alone, for nothing that was proved before has become less true.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.domain import EnrollmentPolicy
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import Change, CredentialChange, Record
from app.authentication.domain import Changed, Grant
from app.database.engine import Connection, Database
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import Caller
from app.tokens.service import Tokens
from app.two_factor.codes import new_recovery_codes, recovery_code_digest
from app.two_factor.domain import MOST_OF, Added, Kind, state_under
from app.two_factor.refusals import AuthenticatorLimitReached, NoPendingEnrollment
from app.two_factor.repository import Authenticators, SecondFactors
from app.two_factor.verifier import CodeVerifier

Store = Callable[[Connection], Awaitable[UUID]]
"""Stores the authenticator in the transaction of the act; returns its id, or raises a refusal."""


@dataclass(frozen=True)
class Proved:
    """What the caller has proved for this, and when the older of its proofs was given."""

    amr: tuple[str, ...]
    authenticated_at: datetime


@dataclass(frozen=True)
class Additions:
    database: Database
    tokens: Tokens
    changes: CredentialChange
    policy: EnrollmentPolicy
    verifier: CodeVerifier
    audit_log: AuditLog
    outbox: Outbox

    async def first(
        self,
        beginning: AbstractAsyncContextManager[Change],
        store: Store,
        proved: Proved,
        at: datetime,
        **details: object,
    ) -> Added:
        """Raises what the beginning of the change and `store` raise. `details` go into the event."""
        recovery_codes = new_recovery_codes()
        digests = [recovery_code_digest(code) for code in recovery_codes]
        async with beginning as change:
            account_id = change.account.id
            id = await store(change.connection)
            rows = SecondFactors(change.connection)
            await rows.turn_on(account_id, at)
            await rows.replace_recovery_codes(account_id, digests)
            await self.verifier.forgive(change.connection, account_id)
            state = state_under(self.policy, change.account, await rows.of(account_id), at)
            authenticator = await Authenticators(change.connection).get(account_id, id)
            record = Record(EventType.TWO_FACTOR_ENABLED, MailKind.TWO_FACTOR_ENABLED, details)
            issued, revoked = await change.end_with_session(record, proved.amr, proved.authenticated_at)
        return Added(Changed(Grant(issued, change.account, state), revoked), authenticator, recovery_codes)

    async def replacement(
        self, caller: Caller, replaced: UUID, store: Store, proved: Proved, context: RequestContext
    ) -> Added:
        """The old one works until this commits. Raises InvalidToken, NoPendingEnrollment, and what `store` raises."""
        account_id = caller.account.id
        async with self.changes.by_caller(caller, context) as change:
            rows = Authenticators(change.connection)
            id = await store(change.connection)
            if not await rows.remove(account_id, replaced):
                raise NoPendingEnrollment
            await SecondFactors(change.connection).note_use(account_id, context.at)
            await self.verifier.forgive(change.connection, account_id)
            factor = await SecondFactors(change.connection).of(account_id)
            state = state_under(self.policy, change.account, factor, context.at)
            authenticator = await rows.get(account_id, id)
            details = {"authenticator_id": str(id), "replaced": str(replaced), "kind": authenticator.kind.value}
            record = Record(EventType.AUTHENTICATOR_REPLACED, MailKind.AUTHENTICATOR_REPLACED, details)
            issued, revoked = await change.end_with_session(record, proved.amr, proved.authenticated_at)
        return Added(Changed(Grant(issued, change.account, state), revoked), authenticator)

    async def further(self, caller: Caller, kind: Kind, store: Store, proved: Proved, context: RequestContext) -> Added:
        """Raises InvalidToken, AuthenticatorLimitReached, and what `store` raises."""
        account = caller.account
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller, exclusively=True)
            rows = Authenticators(connection)
            if await rows.count(account.id, kind) >= MOST_OF[kind]:
                raise AuthenticatorLimitReached
            id = await store(connection)
            if kind is Kind.TOTP:
                await SecondFactors(connection).note_use(account.id, context.at)
                await self.verifier.forgive(connection, account.id)
            state = state_under(self.policy, account, await SecondFactors(connection).of(account.id), context.at)
            authenticator = await rows.get(account.id, id)
            about, mail = EventType.AUTHENTICATOR_ADDED, MailKind.AUTHENTICATOR_ADDED
            await self.audit_log.record(
                connection, about, context, account_id=account.id, authenticator_id=str(id), kind=kind.value
            )
            await self.outbox.queue(
                connection, mail, context, account_id=account.id, to=account.address, locale=account.locale
            )
            issued, revoked = await self.tokens.replace_session(
                connection, caller, proved.amr, proved.authenticated_at, context, reason="authenticator_added"
            )
        return Added(Changed(Grant(issued, account, state), revoked), authenticator)
