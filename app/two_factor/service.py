"""The verbs of two-factor authentication: enroll, confirm, disable, replace the recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange, Record
from app.authentication.domain import TWO_FACTOR_OFF, Changed, Grant, TwoFactorState
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.refusal import FieldError
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import (
    BY_PASSWORD,
    BY_PASSWORD_AND_CODE,
    AccountChanged,
    Caller,
    require_fresh,
)
from app.tokens.service import Tokens
from app.two_factor.additions import Additions, Proved
from app.two_factor.batcher import FactorBatcher
from app.two_factor.challenges.repository import Challenges
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.codes import new_recovery_codes, recovery_code_digest
from app.two_factor.domain import Added, Issued, Kind, SecondFactor, state_under
from app.two_factor.enrolling import Enroller, Enrolling
from app.two_factor.refusals import NotEnabled, RequiredByPolicy
from app.two_factor.repository import Enrollments, SealedSecrets, SecondFactors
from app.two_factor.verifier import CodeVerifier

# An expired enrollment answers 410 for a day.
_EXPIRED_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class TwoFactor:
    database: Database
    clock: Clock
    fresh_seconds: int
    disable_requires_code: bool
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    changes: CredentialChange
    verifier: CodeVerifier
    clearing: TwoFactorClearing
    enrolling: Enrolling
    additions: Additions
    audit_log: AuditLog
    outbox: Outbox
    factors: FactorBatcher

    async def factor_of(self, account: Account) -> SecondFactor:
        return await self.factors.ask(account.id) or SecondFactor(account.id)

    async def factor_in(self, connection: Connection, account_id: UUID) -> SecondFactor:
        return await SecondFactors(connection).of(account_id)

    async def holder_with(self, folded_address: str) -> tuple[Account, SecondFactor] | tuple[None, None]:
        """The account with this address, and its second factor, by one statement."""
        async with self.database.autocommit() as connection:
            return await SecondFactors(connection).holder_with(folded_address) or (None, None)

    async def challenge(
        self,
        connection: Connection,
        account: Account,
        at: datetime,
        expires_at: datetime,
        *,
        password_breached: bool = False,
    ) -> SecretStr:
        """A log-in that waits for its second factor; locks the account first. Raises AccountChanged."""
        secret = new_secret(SecretKind.CHALLENGE)
        rows = Challenges(connection)
        if not await rows.add(digest(secret), account, at, expires_at, password_breached=password_breached):
            raise AccountChanged
        return secret

    async def state(self, account: Account) -> TwoFactorState:
        return self.state_of(account, await self.factor_of(account), self.clock.now())

    async def states_of(
        self, connection: Connection, accounts: Sequence[Account], at: datetime
    ) -> Sequence[TwoFactorState]:
        """Of a page of accounts, in its order, by one statement."""
        found = await SecondFactors(connection).of_each([account.id for account in accounts])
        return [self.state_of(account, found.get(account.id), at) for account in accounts]

    def state_of(self, account: Account, factor: SecondFactor | None, at: datetime) -> TwoFactorState:
        return state_under(self.accounts.policy, account, factor, at)

    async def begin(
        self,
        caller: Caller,
        password: SecretStr,
        context: RequestContext,
        *,
        name: str | None = None,
        additional: bool = False,
        replaces: UUID | None = None,
    ) -> Issued:
        """A new secret, shown once, in place of a pending one; with 2FA on for a further device or a replacement.

        Raises FieldError, ReauthenticationRequired, WrongPassword, AlreadyEnabled, AuthenticatorLimitReached, NotFound,
        InvalidToken.
        """
        account = caller.account
        beside = additional or replaces is not None
        if beside and not (await self.factor_of(account)).is_enabled:
            pointer = "/additional" if additional else "/replaces"
            raise FieldError(pointer, "Two-factor authentication is not on; leave this out.")
        if beside:
            require_fresh(caller, context.at, within_seconds=self.fresh_seconds)
        await self.passwords.reauthenticate(account, password, context)
        by = Enroller(account, caller.token.id, context.at, partial(self.tokens.lock_caller, caller=caller))
        return await self.enrolling.begin(by, context, name=name, additional=additional, replaces=replaces)

    async def cancel(self, caller: Caller, context: RequestContext) -> None:
        """Drops the enrollment that the caller began, if it is pending. Raises InvalidToken."""
        account_id = caller.account.id
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            if await Enrollments(connection).cancel(account_id, caller.token.id):
                about = EventType.TWO_FACTOR_ENROLLMENT_CANCELLED
                await self.audit_log.record(connection, about, context, account_id=account_id)

    async def drop_pending(self, connection: Connection, account: Account, at: datetime) -> TwoFactorState:
        """In a change that a pending enrollment must not outlive. Returns what is left."""
        await Enrollments(connection).remove(account.id)
        return self.state_of(account, await self.factor_in(connection, account.id), at)

    async def remove(self, connection: Connection, account_id: UUID, at: datetime) -> bool:
        """In a change that clears the second factor: without residue, a lock by wrong codes included.

        An account that must have one is overdue at once. Whether it was on.
        """
        was_enabled = await SecondFactors(connection).turn_off(account_id)
        if was_enabled:
            await self.accounts.end_grace(connection, account_id, at)
        await self.verifier.forgive(connection, account_id)
        return was_enabled

    async def confirm(
        self, caller: Caller, code: str, context: RequestContext, *, enrollment_id: UUID | None = None
    ) -> Added:
        """By the first code of the new device. What dies with it depends on whether it is the first, a further one or
        a replacement.

        A code for another enrollment than the pending one, or from another session, counts as no attempt.

        Raises NoPendingEnrollment, EnrollmentExpired, WrongCode, TooManyAttempts, AuthenticatorExists,
        AuthenticatorLimitReached, InvalidToken.
        """
        enrollment, store = await self.enrolling.match(
            caller.account, caller.token.id, code, context, enrollment_id=enrollment_id
        )
        # The password was proved when the enrollment began, and is the older one of the two proofs.
        proved = Proved(BY_PASSWORD_AND_CODE, enrollment.begun_at)
        if enrollment.replaces is not None:
            return await self.additions.replacement(caller, enrollment.replaces, store, proved, context)
        if enrollment.additional:
            return await self.additions.further(caller, Kind.TOTP, store, proved, context)
        return await self.additions.first(self.changes.by_caller(caller, context), store, proved, context.at)

    async def disable(self, caller: Caller, password: SecretStr, code: str | None, context: RequestContext) -> Changed:
        """2FA goes off without residue; everything older dies. A code that is sent must be right.

        Raises WrongPassword, WrongCode, TooManyAttempts, InvalidToken, RequiredByPolicy, NotEnabled; FieldError where
        a code is needed.
        """
        account = caller.account
        is_fresh = caller.is_fresh(context.at, within_seconds=self.fresh_seconds)
        if code is None and self.disable_requires_code and not is_fresh:
            raise FieldError("/code", "This service asks for a code to turn two-factor authentication off.")
        await self.passwords.reauthenticate(account, password, context)
        factor = await self.factor_of(account)
        sent = code if factor.is_enabled else None
        proof = None if sent is None else await self.verifier.verify(account, factor, sent, context)
        async with (
            self.verifier.refusing_reuse(account, proof, context),
            # Before the state: whoever lost a race to turn it off has a dead token.
            self.changes.by_caller(caller, context) as change,
        ):
            if self.accounts.policy.applies_to(change.account):
                raise RequiredByPolicy
            if not factor.is_enabled:
                raise NotEnabled
            if proof is not None:
                await self.verifier.spend(change.connection, account, proof, context)
            if not await self.remove(change.connection, account.id, context.at):
                raise NotEnabled
            record = Record(EventType.TWO_FACTOR_DISABLED, MailKind.TWO_FACTOR_DISABLED)
            issued, revoked = await change.end_with_session(record, BY_PASSWORD, context.at)
        return Changed(Grant(issued, change.account, TWO_FACTOR_OFF), revoked)

    async def replace_recovery_codes(self, caller: Caller, password: SecretStr, context: RequestContext) -> list[str]:
        """Ten new codes, shown once; the old set is dead. Raises WrongPassword, NotEnabled, InvalidToken."""
        account = caller.account
        await self.passwords.reauthenticate(account, password, context)
        fresh = new_recovery_codes()
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            rows = SecondFactors(connection)
            if not await rows.lock_enabled(account.id):
                raise NotEnabled
            await rows.replace_recovery_codes(account.id, [recovery_code_digest(each) for each in fresh])
            about, kind = EventType.RECOVERY_CODES_REPLACED, MailKind.RECOVERY_CODES_REPLACED
            await self.audit_log.record(connection, about, context, account_id=account.id)
            await self.outbox.queue(
                connection, kind, context, account_id=account.id, to=account.address, locale=account.locale
            )
        return fresh

    async def count_sealed(self, connection: Connection) -> int:
        return await SealedSecrets(connection).count()

    async def sealed_after(
        self, connection: Connection, id: UUID | None, *, limit: int
    ) -> Sequence[tuple[UUID, UUID, bytes]]:
        """Authenticator secrets in the order of their ids: the id, whose it is, and what is sealed."""
        return await SealedSecrets(connection).after(id, limit=limit)

    async def reseal(self, connection: Connection, id: UUID, *, old: bytes, new: bytes) -> bool:
        """False where the secret is no longer sealed as it was read."""
        return await SealedSecrets(connection).reseal(id, old, new)

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await Challenges(connection).delete_old(at)
        await Enrollments(connection).delete_expired(at - _EXPIRED_KEPT)
