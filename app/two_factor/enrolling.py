"""Enrolling an authenticator app: from the secret that is shown once to its first code, whoever enrolls it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from app.accounts.domain import Account
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.security.secret_box import SecretBox
from app.two_factor import qr, totp
from app.two_factor.additions import Store
from app.two_factor.codes import is_totp_code
from app.two_factor.domain import APP_NAME, MOST_OF, Enrollment, Issued, Kind
from app.two_factor.refusals import (
    AlreadyEnabled,
    AuthenticatorExists,
    AuthenticatorLimitReached,
    EnrollmentExpired,
    NoPendingEnrollment,
)
from app.two_factor.repository import Authenticators, Enrollments, SecondFactors
from app.two_factor.verifier import CodeVerifier


@dataclass(frozen=True)
class Enroller:
    """Who enrolls an authenticator: the session, or the ticket of a log-in, with this id."""

    account: Account
    id: UUID
    proved_at: datetime
    """When the password was proved."""
    lock: Callable[[Connection], Awaitable[None]] = field(repr=False)
    """Locks the account, then the session or ticket; raises the refusal of one that is no longer good."""


@dataclass(frozen=True)
class Enrolling:
    database: Database
    issuer: str
    life: timedelta
    secret_box: SecretBox
    verifier: CodeVerifier
    audit_log: AuditLog

    async def begin(
        self,
        by: Enroller,
        context: RequestContext,
        *,
        name: str | None = None,
        additional: bool = False,
        replaces: UUID | None = None,
    ) -> Issued:
        """A new secret in place of a pending one.

        Raises AlreadyEnabled, AuthenticatorLimitReached, NotFound, and what the enroller's lock raises.
        """
        account = by.account
        id, secret = new_id(), totp.new_secret()
        expires_at = context.at + self.life
        sealed = self.secret_box.seal(secret.encode(), owner=account.id)
        pending = Enrollment(id, account.id, sealed, by.proved_at, expires_at, name, additional, replaces, by.id)
        async with self.database.transaction() as connection:
            await by.lock(connection)
            pending = await self._placed(connection, pending)
            await Enrollments(connection).begin(pending, account.epoch)
            await self.audit_log.record(
                connection, EventType.TWO_FACTOR_ENROLLMENT_STARTED, context, account_id=account.id
            )
        uri = totp.provisioning_uri(secret, account_name=account.address, issuer=self.issuer)
        pictures = await asyncio.to_thread(qr.draw, uri)
        return Issued(id, secret, uri, pictures.svg, pictures.png, self.issuer, account.address, expires_at)

    @staticmethod
    async def _placed(connection: Connection, enrollment: Enrollment) -> Enrollment:
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
        elif (await SecondFactors(connection).of(account_id)).is_enabled:
            raise AlreadyEnabled
        return enrollment

    async def match(
        self, account: Account, begun_by: UUID, code: str, context: RequestContext, *, enrollment_id: UUID | None = None
    ) -> tuple[Enrollment, Store]:
        """The enrollment that this code is the first one of, and what stores its device.

        A code for another enrollment than the pending one, or from somebody else, counts as no attempt.

        Raises NoPendingEnrollment, EnrollmentExpired, WrongCode, TooManyAttempts.
        """
        enrollment = await self._pending(account, begun_by, enrollment_id, context.at)
        in_a_row = await self.verifier.count_attempt(account.id, context.at)
        secret = self.verifier.open_secret(enrollment.sealed_secret, account.id)
        step = totp.matching_step(secret, code, context.at, after=None) if is_totp_code(code) else None
        if step is None:
            raise await self.verifier.record_wrong_code(
                account,
                in_a_row,
                context,
                mail=MailKind.WRONG_CODES_AT_SET_UP,
                clock_skew_seconds=totp.clock_skew_seconds(secret, code, context.at),
            )
        return enrollment, partial(self._store, enrollment, secret, step, context.at)

    async def _pending(self, account: Account, begun_by: UUID, enrollment_id: UUID | None, at: datetime) -> Enrollment:
        """Nobody else who is logged in spends the owner's attempts."""
        async with self.database.autocommit() as connection:
            enrollment = await Enrollments(connection).pending_of(account.id)
        if enrollment is None or not enrollment.is_open_to(begun_by):
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
        factor = await SecondFactors(connection).of(account_id)
        # Two devices with one secret would make two codes of one.
        others = [device for device in factor.devices if device.id != enrollment.replaces]
        if any(self.verifier.open_secret(each.sealed_secret, account_id) == secret for each in others):
            raise AuthenticatorExists
        await Authenticators(connection).add_totp(enrollment.id, account_id, name, sealed, step=step, at=at)
        return enrollment.id
