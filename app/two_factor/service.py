"""The verbs of two-factor authentication: enroll, confirm, disable, replace the recovery codes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange, Record
from app.authentication.domain import TWO_FACTOR_OFF, Changed, Grant, TwoFactorState
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import FieldError, NotFound
from app.kernel.requester import Requester
from app.kernel.secret import SecretKind, digest, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.security.secret_box import SecretBox
from app.settings import Settings
from app.tokens.domain import (
    BY_PASSWORD,
    BY_PASSWORD_AND_CODE,
    AccountChanged,
    Caller,
    ReauthenticationRequired,
    require_fresh,
)
from app.tokens.service import Tokens
from app.two_factor import qr, totp
from app.two_factor.additions import Additions, Proved
from app.two_factor.challenges.domain import Challenge, ChallengeExpired
from app.two_factor.challenges.repository import Challenges
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.domain import (
    APP_NAME,
    MOST_OF,
    Added,
    AlreadyEnabled,
    AuthenticatorExists,
    AuthenticatorLimitReached,
    Enrollment,
    EnrollmentExpired,
    Issued,
    Kind,
    NoPendingEnrollment,
    NotEnabled,
    SecondFactor,
    is_totp_code,
    new_recovery_codes,
    recovery_code_digest,
    state_of,
)
from app.two_factor.repository import Authenticators, Enrollments, SealedSecrets, SecondFactors
from app.two_factor.verifier import CodeVerifier

# An expired enrollment answers 410 for a day.
_EXPIRED_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class TwoFactor:
    database: Database
    clock: Clock
    settings: Settings
    secret_box: SecretBox
    accounts: Accounts
    tokens: Tokens
    changes: CredentialChange
    verifier: CodeVerifier
    clearing: TwoFactorClearing
    additions: Additions
    audit_log: AuditLog
    outbox: Outbox

    async def factor_of(self, account: Account) -> SecondFactor:
        async with self.database.autocommit() as connection:
            return await self.factor_in(connection, account.id)

    async def factor_in(self, connection: Connection, account_id: UUID) -> SecondFactor:
        return await SecondFactors(connection).of(account_id)

    async def holder_with(self, folded_address: str) -> tuple[Account, SecondFactor] | tuple[None, None]:
        """The account with this address, and its second factor, by one statement."""
        async with self.database.autocommit() as connection:
            return await SecondFactors(connection).holder_with(folded_address) or (None, None)

    async def challenge(
        self, connection: Connection, account: Account, at: datetime, expires_at: datetime
    ) -> SecretStr:
        """A log-in that waits for its second factor; locks the account first. Raises AccountChanged."""
        secret = new_secret(SecretKind.CHALLENGE)
        if not await Challenges(connection).add(digest(secret), account, at, expires_at):
            raise AccountChanged
        return secret

    async def spend_challenge(self, connection: Connection, challenge: Challenge, at: datetime) -> None:
        """In the transaction that grants what it waits for; locks the account first. Raises ChallengeExpired."""
        if not await Challenges(connection).spend(challenge.digest, challenge.account, at):
            raise ChallengeExpired

    async def state(self, account: Account) -> TwoFactorState:
        return state_of(await self.factor_of(account), self.clock.now())

    async def states_of(
        self, connection: Connection, account_ids: Sequence[UUID], at: datetime
    ) -> Mapping[UUID, TwoFactorState]:
        """Of a page of accounts, by one statement. Who has no second factor is not in the result."""
        found = await SecondFactors(connection).of_each(account_ids)
        return {account_id: state_of(factor, at) for account_id, factor in found.items()}

    async def begin(
        self,
        caller: Caller,
        password: SecretStr,
        requester: Requester,
        *,
        name: str | None = None,
        additional: bool = False,
        replaces: UUID | None = None,
    ) -> Issued:
        """A new secret, shown once, in place of a pending one; with 2FA on for a further device or a replacement.

        Raises FieldError, ReauthenticationRequired, WrongPassword, AlreadyEnabled, AuthenticatorLimitReached, NotFound,
        InvalidToken.
        """
        account, at = caller.account, self.clock.now()
        beside = additional or replaces is not None
        if beside and not (await self.factor_of(account)).is_enabled:
            pointer = "/additional" if additional else "/replaces"
            raise FieldError(pointer, "Two-factor authentication is not on; leave this out.")
        if beside:
            require_fresh(caller, at, within_seconds=self.settings.fresh_seconds)
        await self.accounts.reauthenticate(account, password, requester, at)
        id, secret = new_id(), totp.new_secret()
        expires_at = at + timedelta(seconds=self.settings.enrollment_seconds)
        sealed = self.secret_box.seal(secret.encode(), owner=account.id)
        pending = Enrollment(id, account.id, sealed, at, expires_at, name, additional, replaces, caller.token.id)
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            pending = await self._placed(connection, pending)
            await Enrollments(connection).begin(pending, account.epoch)
            await self.audit_log.record(
                connection, EventType.TWO_FACTOR_ENROLLMENT_STARTED, account_id=account.id, at=at, requester=requester
            )
        uri = totp.provisioning_uri(secret, account_name=account.address, issuer=self.settings.issuer)
        pictures = await asyncio.to_thread(qr.draw, uri)
        return Issued(id, secret, uri, pictures.svg, pictures.png, self.settings.issuer, account.address, expires_at)

    async def _placed(self, connection: Connection, enrollment: Enrollment) -> Enrollment:
        """Where there is a place for the device; a replacement goes on under the old name unless it has one.

        Raises AlreadyEnabled, AuthenticatorLimitReached, NotFound.
        """
        rows, account_id = Authenticators(connection), enrollment.account_id
        if enrollment.replaces is not None:
            replaced = await rows.find(account_id, enrollment.replaces)
            if replaced is None or replaced.kind is not Kind.TOTP:
                raise NotFound
            return replace(enrollment, name=enrollment.name or replaced.name)
        if enrollment.additional:
            if await rows.count(account_id, Kind.TOTP) >= MOST_OF[Kind.TOTP]:
                raise AuthenticatorLimitReached
        elif (await self.factor_in(connection, account_id)).is_enabled:
            raise AlreadyEnabled
        return enrollment

    async def cancel(self, caller: Caller, requester: Requester) -> None:
        """Drops the enrollment that the caller began, if it is pending. Raises InvalidToken."""
        account_id, at = caller.account.id, self.clock.now()
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            if await Enrollments(connection).cancel(account_id, caller.token.id):
                about = EventType.TWO_FACTOR_ENROLLMENT_CANCELLED
                await self.audit_log.record(connection, about, account_id=account_id, at=at, requester=requester)

    async def drop_pending(self, connection: Connection, account_id: UUID, at: datetime) -> TwoFactorState:
        """In a change that a pending enrollment must not outlive. Returns what is left."""
        await Enrollments(connection).remove(account_id)
        return state_of(await self.factor_in(connection, account_id), at)

    async def remove(self, connection: Connection, account_id: UUID) -> bool:
        """In a change that clears the second factor: without residue, a lock by wrong codes included.

        Whether it was on.
        """
        was_enabled = await SecondFactors(connection).turn_off(account_id)
        await self.verifier.forgive(connection, account_id)
        return was_enabled

    async def confirm(
        self, caller: Caller, code: str, requester: Requester, *, enrollment_id: UUID | None = None
    ) -> Added:
        """By the first code of the new device. What dies with it depends on whether it is the first, a further one or
        a replacement.

        A code for another enrollment than the pending one, or from another session, counts as no attempt.

        Raises NoPendingEnrollment, EnrollmentExpired, WrongCode, TooManyAttempts, AuthenticatorExists,
        AuthenticatorLimitReached, InvalidToken.
        """
        account, at = caller.account, self.clock.now()
        enrollment = await self._pending(caller, enrollment_id, at)
        in_a_row = await self.verifier.count_attempt(account.id, at)
        secret = self.verifier.open_secret(enrollment.sealed_secret, account.id)
        step = totp.matching_step(secret, code, at, after=None) if is_totp_code(code) else None
        if step is None:
            skew = self._skew(secret, code, at)
            mail = MailKind.WRONG_CODES_AT_SET_UP
            raise await self.verifier.record_wrong_code(account, in_a_row, requester, at, mail=mail, **skew)
        store = partial(self._store, enrollment, secret, step, at)
        # The password was proved when the enrollment began, and is the older one of the two proofs.
        proved = Proved(BY_PASSWORD_AND_CODE, enrollment.begun_at)
        if enrollment.replaces is not None:
            return await self.additions.replacement(caller, enrollment.replaces, store, proved, requester, at)
        if enrollment.additional:
            return await self.additions.further(caller, Kind.TOTP, store, proved, requester, at)
        return await self.additions.first(caller, store, proved, requester, at)

    async def _pending(self, caller: Caller, enrollment_id: UUID | None, at: datetime) -> Enrollment:
        """What the caller may confirm: nobody else who is logged in spends the owner's attempts."""
        async with self.database.autocommit() as connection:
            enrollment = await Enrollments(connection).pending_of(caller.account.id)
        if enrollment is None or not enrollment.is_open_to(caller.token.id):
            raise NoPendingEnrollment
        if enrollment_id not in {None, enrollment.id}:
            raise NoPendingEnrollment
        if enrollment.has_expired(at):
            raise EnrollmentExpired
        return enrollment

    async def _store(
        self, enrollment: Enrollment, secret: str, step: int, at: datetime, connection: Connection
    ) -> UUID:
        """The device, its first code spent. Raises NoPendingEnrollment, AuthenticatorExists."""
        sealed = await Enrollments(connection).take(enrollment, at)
        if sealed is None:
            raise NoPendingEnrollment
        account_id, name = enrollment.account_id, enrollment.name or APP_NAME
        factor = await self.factor_in(connection, account_id)
        # Two devices with one secret would make two codes of one.
        others = [device for device in factor.devices if device.id != enrollment.replaces]
        if any(self.verifier.open_secret(each.sealed_secret, account_id) == secret for each in others):
            raise AuthenticatorExists
        await Authenticators(connection).add_totp(enrollment.id, account_id, name, sealed, step=step, at=at)
        return enrollment.id

    async def disable(self, caller: Caller, password: SecretStr, code: str | None, requester: Requester) -> Changed:
        """2FA goes off without residue; everything older dies. A code that is sent must be right.

        Raises NotEnabled, WrongPassword, WrongCode, TooManyAttempts, InvalidToken; FieldError where a code is needed.
        """
        account, at = caller.account, self.clock.now()
        if code is None and self.settings.disable_requires_code and not self._is_fresh(caller, at):
            raise FieldError("/code", "This service asks for a code to turn two-factor authentication off.")
        factor = await self.factor_of(account)
        if not factor.is_enabled:
            raise NotEnabled
        await self.accounts.reauthenticate(account, password, requester, at)
        proof = None if code is None else await self.verifier.verify(account, factor, code, requester, at)
        async with (
            self.verifier.refusing_reuse(account, proof, requester, at),
            self.changes.by_caller(caller, requester, at) as change,
        ):
            if proof is not None:
                await self.verifier.spend(change.connection, account, proof, requester, at)
            if not await self.remove(change.connection, account.id):
                raise NotEnabled
            record = Record(EventType.TWO_FACTOR_DISABLED, MailKind.TWO_FACTOR_DISABLED)
            issued, revoked = await change.end_with_session(record, BY_PASSWORD, at)
        return Changed(Grant(issued, change.account, TWO_FACTOR_OFF), revoked)

    async def replace_recovery_codes(self, caller: Caller, password: SecretStr, requester: Requester) -> list[str]:
        """Ten new codes, shown once; the old set is dead. Raises NotEnabled, WrongPassword, InvalidToken."""
        account, at = caller.account, self.clock.now()
        if not (await self.factor_of(account)).is_enabled:
            raise NotEnabled
        await self.accounts.reauthenticate(account, password, requester, at)
        fresh = new_recovery_codes()
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            rows = SecondFactors(connection)
            if not await rows.lock_enabled(account.id):
                raise NotEnabled
            await rows.replace_recovery_codes(account.id, [recovery_code_digest(each) for each in fresh])
            about, kind = EventType.RECOVERY_CODES_REPLACED, MailKind.RECOVERY_CODES_REPLACED
            await self.audit_log.record(connection, about, account_id=account.id, at=at, requester=requester)
            await self.outbox.queue(
                connection, kind, account_id=account.id, to=account.address, at=at, requester=requester
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

    def _is_fresh(self, caller: Caller, at: datetime) -> bool:
        try:
            require_fresh(caller, at, within_seconds=self.settings.fresh_seconds)
        except ReauthenticationRequired:
            return False
        return True

    @staticmethod
    def _skew(secret: str, code: str, at: datetime) -> dict[str, Any]:
        skew = totp.clock_skew_seconds(secret, code, at)
        return {} if skew is None else {"clock_skew_seconds": skew, "server_time": at}
