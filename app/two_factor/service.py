"""The verbs of two-factor authentication: enroll, confirm, disable, replace the recovery codes."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account
from app.accounts.repository import AccountRows
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import FieldError, InvalidToken
from app.kernel.requester import Requester
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.security.secret_box import SecretBox
from app.settings import Settings
from app.tokens.domain import BY_PASSWORD, BY_PASSWORD_AND_CODE, Caller
from app.tokens.service import Tokens
from app.two_factor import qr, totp
from app.two_factor.domain import (
    APP_NAME,
    DISABLED,
    AlreadyEnabled,
    Changed,
    Enrollment,
    EnrollmentExpired,
    Grant,
    Issued,
    NoPendingEnrollment,
    NotEnabled,
    SecondFactor,
    State,
    is_totp_code,
    new_recovery_codes,
    recovery_code_digest,
    state_of,
)
from app.two_factor.repository import Authenticators, CodeAttempts, Enrollments, SecondFactors
from app.two_factor.verifier import AlreadySpent, CodeVerifier


@dataclass(frozen=True)
class TwoFactor:
    database: Database
    clock: Clock
    settings: Settings
    secret_box: SecretBox
    accounts: Accounts
    tokens: Tokens
    code_verifier: CodeVerifier
    audit_log: AuditLog
    outbox: Outbox

    async def factor_of(self, account: Account) -> SecondFactor:
        async with self.database.autocommit() as connection:
            return await SecondFactors(connection).of(account.id)

    async def holder_with(self, folded_address: str) -> tuple[Account, SecondFactor] | tuple[None, None]:
        """The account with this address, and its second factor, by one statement."""
        async with self.database.autocommit() as connection:
            return await SecondFactors(connection).holder_with(folded_address) or (None, None)

    async def state(self, account: Account) -> State:
        return state_of(await self.factor_of(account), self.clock.now())

    async def begin(self, caller: Caller, password: SecretStr, requester: Requester) -> Issued:
        """A new secret, shown once, in place of a pending one. Raises WrongPassword, AlreadyEnabled, InvalidToken."""
        account = caller.account
        if (await self.factor_of(account)).is_enabled:
            raise AlreadyEnabled
        attempt = await self.accounts.reauthenticate(account, password, requester)
        at = self.clock.now()
        id, secret = new_id(), totp.new_secret()
        expires_at = at + timedelta(seconds=self.settings.enrollment_seconds)
        sealed = self.secret_box.seal(secret.encode(), owner=account.id)
        pending = Enrollment(id, account.id, sealed, begun_at=at, expires_at=expires_at)
        async with self.database.transaction() as connection:
            await self._lock_if_unchanged(connection, account)
            if (await SecondFactors(connection).of(account.id)).is_enabled:
                raise AlreadyEnabled
            await Enrollments(connection).begin(pending, account.epoch)
            await self.accounts.attempts.forgive(connection, attempt)
            await self.audit_log.record(
                connection, EventType.TWO_FACTOR_ENROLLMENT_STARTED, account_id=account.id, at=at, requester=requester
            )
        uri = totp.provisioning_uri(secret, account_name=account.address, issuer=self.settings.issuer)
        pictures = await asyncio.to_thread(qr.draw, uri)
        return Issued(id, secret, uri, pictures.svg, pictures.png, self.settings.issuer, account.address, expires_at)

    async def cancel(self, caller: Caller) -> None:
        """Drops a pending enrollment, if there is one. Raises InvalidToken."""
        async with self.database.transaction() as connection:
            await self._lock_if_unchanged(connection, caller.account)
            await Enrollments(connection).remove(caller.account.id)

    async def confirm(
        self, caller: Caller, code: str, requester: Requester, *, enrollment_id: UUID | None = None
    ) -> Changed:
        """2FA goes on with the first code of the new device; everything older dies.

        A code for another enrollment than the pending one, as from a second tab, counts as no attempt.

        Raises NoPendingEnrollment, EnrollmentExpired, WrongCode, TooManyAttempts, InvalidToken.
        """
        account, at = caller.account, self.clock.now()
        async with self.database.autocommit() as connection:
            enrollment = await Enrollments(connection).pending_of(account.id)
            if enrollment is None or enrollment_id not in {None, enrollment.id}:
                raise NoPendingEnrollment
            if enrollment.has_expired(at):
                raise EnrollmentExpired
            in_a_row = await self.code_verifier.count_attempt(connection, account.id, at)
        secret = self.code_verifier.open_secret(enrollment.sealed_secret, account.id)
        step = totp.matching_step(secret, code, at, after=None) if is_totp_code(code) else None
        if step is None:
            raise await self.code_verifier.record_wrong_code(
                account, in_a_row, requester, at, **self._skew(secret, code, at)
            )
        recovery_codes = new_recovery_codes()
        async with self.database.transaction() as connection:
            bumped = await self._bump_epoch(connection, account)
            sealed = await Enrollments(connection).take(enrollment, at)
            if sealed is None:
                raise NoPendingEnrollment
            name = enrollment.name or APP_NAME
            await Authenticators(connection).add_totp(enrollment.id, account.id, name, sealed, step=step, at=at)
            rows = SecondFactors(connection)
            await rows.turn_on(account.id, at)
            await rows.replace_recovery_codes(account.id, [recovery_code_digest(each) for each in recovery_codes])
            await CodeAttempts(connection).forgive(account.id)
            state = state_of(await rows.of(account.id), at)
            return await self._changed(
                connection, bumped, state, BY_PASSWORD_AND_CODE, requester, at, recovery_codes=recovery_codes
            )

    async def disable(self, caller: Caller, password: SecretStr, code: str | None, requester: Requester) -> Changed:
        """2FA goes off without residue; everything older dies. A code that is sent must be right.

        Raises NotEnabled, WrongPassword, WrongCode, TooManyAttempts, InvalidToken; FieldError where a code is needed.
        """
        account = caller.account
        if code is None and self.settings.disable_requires_code:
            raise FieldError("/code", "This service asks for a code to turn two-factor authentication off.")
        factor = await self.factor_of(account)
        if not factor.is_enabled:
            raise NotEnabled
        attempt = await self.accounts.reauthenticate(account, password, requester)
        at = self.clock.now()
        proof = None if code is None else await self.code_verifier.verify(account, factor, code, requester, at)
        try:
            async with self.database.transaction() as connection:
                bumped = await self._bump_epoch(connection, account)
                if proof is not None:
                    await self.code_verifier.spend(connection, account, proof, requester, at)
                if not await SecondFactors(connection).turn_off(account.id):
                    raise NotEnabled
                await self.accounts.attempts.forgive(connection, attempt)
                return await self._changed(connection, bumped, DISABLED, BY_PASSWORD, requester, at)
        except AlreadySpent:
            assert proof is not None  # noqa: S101 - only a proof is spent
            raise await self.code_verifier.record_wrong_code(account, proof.in_a_row, requester, at) from None

    async def replace_recovery_codes(self, caller: Caller, password: SecretStr, requester: Requester) -> list[str]:
        """Ten new codes, shown once; the old set is dead. Raises NotEnabled, WrongPassword, InvalidToken."""
        account = caller.account
        factor = await self.factor_of(account)
        if not factor.is_enabled:
            raise NotEnabled
        attempt = await self.accounts.reauthenticate(account, password, requester)
        at, fresh = self.clock.now(), new_recovery_codes()
        async with self.database.transaction() as connection:
            await self._lock_if_unchanged(connection, account)
            rows = SecondFactors(connection)
            if not await rows.lock_enabled(account.id):
                raise NotEnabled
            await rows.replace_recovery_codes(account.id, [recovery_code_digest(each) for each in fresh])
            await self.accounts.attempts.forgive(connection, attempt)
            about = EventType.RECOVERY_CODES_REPLACED
            await self.audit_log.record(connection, about, account_id=account.id, at=at, requester=requester)
            kind = MailKind.RECOVERY_CODES_REPLACED
            to = account.address
            await self.outbox.queue(connection, kind, account_id=account.id, to=to, at=at, requester=requester)
        return fresh

    @staticmethod
    def _skew(secret: str, code: str, at: datetime) -> dict[str, Any]:
        skew = totp.clock_skew_seconds(secret, code, at)
        return {} if skew is None else {"clock_skew_seconds": skew, "server_time": at}

    async def _changed(
        self,
        connection: Connection,
        account: Account,
        state: State,
        amr: tuple[str, ...],
        requester: Requester,
        at: datetime,
        *,
        recovery_codes: list[str] | None = None,
    ) -> Changed:
        """The end of a change: count what died, open the fresh session, record, tell the owner."""
        went_on = state is not DISABLED
        revoked = await self.tokens.rows(connection).count_outlived(account.id, at)
        issued = await self.tokens.issue_session(connection, account, amr, requester, at)
        await self.audit_log.record(
            connection,
            EventType.TWO_FACTOR_ENABLED if went_on else EventType.TWO_FACTOR_DISABLED,
            account_id=account.id,
            at=at,
            requester=requester,
            amr=list(amr),
            revoked=revoked.as_details(),
        )
        kind = MailKind.TWO_FACTOR_ENABLED if went_on else MailKind.TWO_FACTOR_DISABLED
        await self.outbox.queue(connection, kind, account_id=account.id, to=account.address, at=at, requester=requester)
        return Changed(Grant(issued, account, state), revoked, recovery_codes or ())

    @staticmethod
    async def _bump_epoch(connection: Connection, account: Account) -> Account:
        bumped = await AccountRows(connection).bump_epoch(account.id, seen=account.epoch)
        if bumped is None:
            raise InvalidToken
        return bumped

    @staticmethod
    async def _lock_if_unchanged(connection: Connection, account: Account) -> None:
        if not await AccountRows(connection).lock_if_unchanged(account.id, epoch=account.epoch):
            raise InvalidToken
