"""Verifying codes: count the attempt, match the code, spend the proof in the transaction that grants what it buys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.refusal import TooManyAttempts, Unavailable
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.security.secret_box import SealBroken, SecretBox
from app.two_factor import totp
from app.two_factor.challenges.domain import Challenge, ChallengeExpired
from app.two_factor.challenges.repository import Challenges
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.codes import is_totp_code, recovery_code_digest
from app.two_factor.domain import CodeLimits, Proof, ProofByRecoveryCode, ProofByStep, SecondFactor, TotpDevice
from app.two_factor.refusals import WrongCode
from app.two_factor.repository import Authenticators, CodeAttempts, SecondFactors

_RETRY_WHEN_LOCKED_FOR_GOOD = 86400
_RETRY_WHEN_SEAL_BROKEN = 60
_log = structlog.get_logger(__name__)


class AlreadySpent(Exception):
    """Somebody was faster with the same code. Ends the transaction, within `refusing_reuse`."""


@dataclass(frozen=True)
class CodeVerifier:
    database: Database
    limits: CodeLimits
    wrong_per_challenge: int
    secret_box: SecretBox
    accounts: Accounts
    clearing: TwoFactorClearing
    audit_log: AuditLog
    outbox: Outbox

    async def count_attempt(self, account_id: UUID, at: datetime) -> int:
        """Counts a code as wrong before it is matched; returns how many are in a row. Raises TooManyAttempts."""
        async with self.database.autocommit() as connection:
            in_a_row = await CodeAttempts(connection).count(account_id, self.limits, at)
            if in_a_row is None:
                raise await self._too_many(connection, account_id, at)
        return in_a_row

    async def count_on_challenge(self, digest: bytes, at: datetime) -> tuple[Challenge, int]:
        """As `count_attempt`, on the challenge as well. Raises ChallengeExpired, TooManyAttempts."""
        async with self.database.transaction() as connection:
            counted = await Challenges(connection).count_attempt(
                digest, at, most=self.wrong_per_challenge, limits=self.limits
            )
            if counted is None:
                raise ChallengeExpired
            challenge, in_a_row = counted
            if in_a_row is None:
                # This takes the count on the challenge back with it.
                raise await self._too_many(connection, challenge.account.id, at)
        return challenge, in_a_row

    async def forgive(self, connection: Connection, account_id: UUID) -> None:
        """A right code, or a change that ends a lock by wrong ones."""
        await CodeAttempts(connection).forgive(account_id)

    @staticmethod
    async def _too_many(connection: Connection, account_id: UUID, at: datetime) -> TooManyAttempts:
        wait = await CodeAttempts(connection).seconds_locked(account_id, at)
        return TooManyAttempts(retry_after=wait if wait is not None else _RETRY_WHEN_LOCKED_FOR_GOOD)

    def remaining(self, in_a_row: int) -> int:
        """How many more wrong codes are free before the account is locked."""
        return min(-in_a_row % self.limits.most, max(0, self.limits.until_reset - in_a_row))

    def open_secret(self, sealed: bytes, owner: UUID) -> str:
        """Fails closed: a secret that cannot be opened lets nobody in. Raises Unavailable."""
        try:
            return self.secret_box.open(sealed, owner=owner).decode()
        except SealBroken:
            _log.critical("totp_secret_cannot_be_opened", account_id=str(owner))
            raise Unavailable(retry_after=_RETRY_WHEN_SEAL_BROKEN) from None

    def match(self, factor: SecondFactor, code: str, in_a_row: int, at: datetime) -> Proof | None:
        """What this code would prove. Called only for an attempt that was counted.

        Raises Unavailable where no device matches and the secret of one cannot be opened.
        """
        if not is_totp_code(code):
            return ProofByRecoveryCode(recovery_code_digest(code), in_a_row)
        matches: list[Proof] = []
        unopened: list[Unavailable] = []
        for device in factor.devices:
            try:
                matches += self._look_at(device, factor.account_id, code, in_a_row, at)
            except Unavailable as fault:
                unopened.append(fault)
        if not matches and unopened:
            raise unopened[0]
        return matches[0] if matches else None

    def _look_at(self, device: TotpDevice, owner: UUID, code: str, in_a_row: int, at: datetime) -> list[Proof]:
        step = totp.matching_step(self.open_secret(device.sealed_secret, owner), code, at, after=device.last_step)
        return [ProofByStep(device.id, step, in_a_row)] if step is not None else []

    async def verify(self, account: Account, factor: SecondFactor, code: str, context: RequestContext) -> Proof:
        """The proof: counted and matched, not yet spent. Raises WrongCode, TooManyAttempts, Unavailable."""
        in_a_row = await self.count_attempt(account.id, context.at)
        proof = self.match(factor, code, in_a_row, context.at)
        if proof is None:
            raise await self.record_wrong_code(account, in_a_row, context)
        return proof

    @asynccontextmanager
    async def refusing_reuse(
        self, account: Account, proof: Proof | None, context: RequestContext
    ) -> AsyncIterator[None]:
        """Around the transaction that spends the proof: where somebody was faster with the same code, it is wrong.

        Raises WrongCode.
        """
        try:
            yield
        except AlreadySpent:
            assert proof is not None  # noqa: S101 - only a proof is spent
            raise await self.record_wrong_code(account, proof.in_a_row, context) from None

    async def spend(
        self, connection: Connection, account: Account, proof: Proof, context: RequestContext
    ) -> SecondFactor:
        """In the transaction that gives out what the code bought; the factor as it is then. Cancels a clearing.

        Raises AlreadySpent.
        """
        if isinstance(proof, ProofByStep):
            factor = await Authenticators(connection).spend_step(account.id, proof.device_id, proof.step, context.at)
        else:
            factor = await SecondFactors(connection).spend_recovery_code(account.id, proof.digest, context.at)
        return await self._spent(connection, account, proof, factor, context)

    async def spend_on_challenge(
        self, connection: Connection, account: Account, challenge: Challenge, proof: Proof, context: RequestContext
    ) -> SecondFactor:
        """As `spend`, the challenge before the code: whoever loses the race for it burns no recovery code.

        Raises ChallengeExpired, AlreadySpent.
        """
        rows = Challenges(connection)
        if not isinstance(proof, ProofByStep):
            if not await rows.spend(challenge.digest, challenge.account, context.at):
                raise ChallengeExpired
            return await self.spend(connection, account, proof, context)
        factor = await rows.spend_with_step(challenge, proof, context.at)
        return await self._spent(connection, account, proof, factor, context)

    async def _spent(
        self,
        connection: Connection,
        account: Account,
        proof: Proof,
        factor: SecondFactor | None,
        context: RequestContext,
    ) -> SecondFactor:
        if factor is None:
            raise AlreadySpent
        if isinstance(proof, ProofByRecoveryCode):
            left = factor.recovery_codes_remaining
            await self._tell_of_recovery_code(connection, account, left, context)
        return await self.clearing.cancel_by_proof(connection, account, factor, context)

    async def _tell_of_recovery_code(
        self, connection: Connection, account: Account, remaining: int, context: RequestContext
    ) -> None:
        await self.audit_log.record(
            connection, EventType.RECOVERY_CODE_USED, context, account_id=account.id, remaining=remaining
        )
        await self.outbox.queue(
            connection,
            MailKind.RECOVERY_CODE_USED,
            context,
            account_id=account.id,
            to=account.address,
            locale=account.locale,
            remaining=remaining,
        )

    async def record_wrong_code(
        self,
        account: Account,
        in_a_row: int,
        context: RequestContext,
        *,
        mail: MailKind = MailKind.WRONG_CODES,
        clock_skew_seconds: int | None = None,
    ) -> WrongCode:
        """Records the wrong code, mails the owner at every tenth in a row, and returns the refusal to raise."""
        remaining = self.remaining(in_a_row)
        wrong = WrongCode(
            in_a_row=in_a_row,
            attempts_remaining=remaining,
            clock_skew_seconds=clock_skew_seconds,
            server_time=None if clock_skew_seconds is None else context.at,
        )
        async with self.database.transaction() as connection:
            if await self.accounts.lock_existence(connection, account.id) is None:
                return wrong
            await self.audit_log.record(
                connection, EventType.TWO_FACTOR_CODE_REFUSED, context, account_id=account.id, reason="wrong_code"
            )
            if remaining == 0:
                await self.outbox.queue(
                    connection,
                    mail,
                    context,
                    account_id=account.id,
                    to=account.address,
                    locale=account.locale,
                    count=in_a_row,
                )
        return wrong
