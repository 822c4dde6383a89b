"""Logging in by password, in one step or two; the second by a code."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import SecretStr

from app.accounts.attempts.domain import Attempt
from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account
from app.accounts.passwords import Passwords, Verification
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.domain import Grant
from app.database.engine import Connection, Database
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest_if
from app.login.domain import ChallengeIssued, InvalidCredentials, PasswordResetRequired
from app.login.sign_in import LOGINS, SignIn
from app.settings import BreachedAtLogin
from app.tokens.domain import BY_PASSWORD, AccountChanged
from app.tokens.service import Tokens
from app.two_factor.challenges.domain import Challenge, ChallengeExpired
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.domain import Proof, SecondFactor
from app.two_factor.refusals import WrongCode
from app.two_factor.service import TwoFactor
from app.two_factor.tickets.domain import TicketIssued
from app.two_factor.tickets.service import TicketService
from app.two_factor.verifier import CodeVerifier


@dataclass(frozen=True)
class Login:
    database: Database
    challenge_seconds: int
    breached_passwords: BreachedAtLogin
    attempts: Attempts
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    two_factor: TwoFactor
    verifier: CodeVerifier
    clearing: TwoFactorClearing
    tickets: TicketService
    sign_in: SignIn
    audit_log: AuditLog
    send_reset_link: Callable[[Connection, Account, RequestContext], Awaitable[bool]]

    async def by_password(
        self, email: str, password: SecretStr, code: str | None, context: RequestContext
    ) -> Grant | ChallengeIssued | TicketIssued:
        """The first step, or both in one call; a ticket where the account must enroll a second factor first.

        Raises FieldError, InvalidCredentials, PasswordResetRequired, WrongCodeAtLogin, TooManyAttempts, RateLimited,
        Overloaded.
        """
        address = self.accounts.read_address(email)
        try:
            async with self.passwords.verifying(
                address.folded, password, context, self.two_factor.holder_with
            ) as verification:
                breached = verification.right and await self._is_breached(password)
                return await self._decide(verification, code, context, breached=breached)
        except AccountChanged:
            raise InvalidCredentials from None

    async def _is_breached(self, password: SecretStr) -> bool:
        """Asked about right passwords alone, so that the time of an answer tells nothing about wrong ones."""
        asked = self.breached_passwords is not BreachedAtLogin.OFF
        return asked and await self.passwords.is_breached(password)

    async def _decide(
        self,
        verification: Verification[SecondFactor | None],
        code: str | None,
        context: RequestContext,
        *,
        breached: bool,
    ) -> Grant | ChallengeIssued | TicketIssued:
        account, factor = verification.account, verification.found
        if account is None or not verification.right:
            raise await self._refuse(account, context)
        if breached and self.breached_passwords is BreachedAtLogin.BLOCK:
            raise await self._require_reset(account, verification.attempt, context)
        while factor is not None and factor.is_due_to_clear(context.at):
            account, factor = await self._clear(account, context)
        if factor is None or not factor.is_enabled:
            grant = await self._grant_by_password(account, factor, verification.attempt, context)
            return replace(grant, password_breached=breached) if isinstance(grant, Grant) else grant
        if code is None:
            return await self._ask_for_second_factor(
                account, factor, verification.attempt, context.at, breached=breached
            )
        async with self.database.autocommit() as connection:
            # Whatever the code is, the password was right: the two have budgets of their own.
            await self.attempts.forgive(connection, verification.attempt)
        try:
            proof = await self.verifier.verify(account, factor, code, context)
            return replace(await self._grant_by_code(account, proof, None, context), password_breached=breached)
        except WrongCode as wrong:
            LOGINS.labels("refused", "code").inc()
            raise wrong.at_login(attempts_remaining=wrong.attempts_remaining) from None

    async def _grant_by_password(
        self, account: Account, factor: SecondFactor | None, attempt: Attempt, context: RequestContext
    ) -> Grant | TicketIssued:
        """Whether the account is overdue is decided by the row that is locked, whatever it was when it was read."""
        async with self.database.transaction() as connection:
            noted = await self.accounts.note_password(connection, account, attempt, context)
            if noted is None:
                raise AccountChanged
            before = account
            account, was_known, is_overdue = noted
            if is_overdue:
                ticket = await self.tickets.issue(connection, account, context.at)
                LOGINS.labels("enrollment_asked", "password").inc()
                return ticket
            await self.sign_in.tell(connection, before, context, was_known=was_known)
            issued = await self.tokens.issue_session(connection, account, BY_PASSWORD, context.at, context)
            await self.sign_in.record(connection, account, issued, context)
        LOGINS.labels("granted", "password").inc()
        return Grant(issued, account, self.two_factor.state_of(account, factor, context.at))

    async def by_code(self, challenge_secret: str, code: str, context: RequestContext) -> Grant:
        """The second step. Raises ChallengeExpired, WrongCodeAtLogin, TooManyAttempts, RateLimited."""
        await self.attempts.take_request(context)
        digest = digest_if(challenge_secret, SecretKind.CHALLENGE)
        if digest is None:
            raise ChallengeExpired
        verifier = self.verifier
        challenge, in_a_row = await verifier.count_on_challenge(digest, context.at)
        proof = verifier.match(challenge.factor, code, in_a_row, context.at)
        try:
            if proof is None:
                raise await verifier.record_wrong_code(challenge.account, in_a_row, context)
            grant = await self._grant_by_code(challenge.account, proof, challenge, context)
            return replace(grant, password_breached=challenge.password_breached)
        except AccountChanged:
            raise ChallengeExpired from None
        except WrongCode as wrong:
            left = self.verifier.wrong_per_challenge - challenge.wrong_codes
            LOGINS.labels("refused", "code").inc()
            if left <= 0:
                raise ChallengeExpired from None
            raise wrong.at_login(attempts_remaining=min(left, wrong.attempts_remaining)) from None

    async def _clear(self, account: Account, context: RequestContext) -> tuple[Account, SecondFactor | None]:
        """A reset's wait is over, and the password is right: the account as it is without its second factor.

        Whoever loses a race for it goes on with what the winner left. Raises AccountChanged.
        """
        cleared = await self.clearing.clear(account, context)
        if cleared is not None:
            return cleared, None
        current, factor = await self.two_factor.holder_with(account.folded_address)
        if current is None or current.id != account.id or current.password_hash != account.password_hash:
            raise AccountChanged
        return current, factor

    async def _ask_for_second_factor(
        self, account: Account, factor: SecondFactor, attempt: Attempt, at: datetime, *, breached: bool
    ) -> ChallengeIssued:
        async with self.database.transaction() as connection:
            ends_at = at + timedelta(seconds=self.challenge_seconds)
            secret = await self.two_factor.challenge(connection, account, at, ends_at, password_breached=breached)
            await self.attempts.forgive(connection, attempt)
        LOGINS.labels("second_factor_asked", "password").inc()
        methods = (*factor.kinds, *(["recovery_code"] if factor.recovery_codes_remaining else []))
        return ChallengeIssued(secret, at, self.challenge_seconds, methods, factor.clears_at)

    async def _grant_by_code(
        self, account: Account, proof: Proof, challenge: Challenge | None, context: RequestContext
    ) -> Grant:
        """All that the proof spends and buys, at once. Raises WrongCode, ChallengeExpired, AccountChanged."""
        password_at = challenge.created_at if challenge else context.at
        async with (
            self.verifier.refusing_reuse(account, proof, context),
            self.database.transaction() as connection,
        ):
            account = await self.sign_in.note(connection, account, context)
            verifier = self.verifier
            if challenge is None:
                factor = await verifier.spend(connection, account, proof, context)
            else:
                factor = await verifier.spend_on_challenge(connection, account, challenge, proof, context)
            issued = await self.tokens.issue_session(connection, account, proof.amr, password_at, context)
            await self.sign_in.record(connection, account, issued, context)
        LOGINS.labels("granted", proof.amr[1]).inc()
        return Grant(issued, account, self.two_factor.state_of(account, factor, context.at))

    async def _require_reset(
        self, account: Account, attempt: Attempt, context: RequestContext
    ) -> PasswordResetRequired:
        """The password is right, and others know it: it opens nothing any more. Mails a link, within the limits."""
        async with self.database.transaction() as connection:
            await self.send_reset_link(connection, account, context)
            await self.attempts.forgive(connection, attempt)
            about, id = EventType.LOGIN_FAILED, account.id
            await self.audit_log.record(connection, about, context, account_id=id, reason="password_breached")
        LOGINS.labels("refused", "password").inc()
        return PasswordResetRequired()

    async def _refuse(self, account: Account | None, context: RequestContext) -> InvalidCredentials:
        """Recorded for an unknown address too, under no account: the same work tells nothing."""
        reason = "wrong_password" if account is None or account.is_active else "account_disabled"
        async with self.database.transaction() as connection:
            account_id = await self.accounts.lock_existence(connection, account.id if account else None)
            event = EventType.LOGIN_FAILED
            await self.audit_log.record(connection, event, context, account_id=account_id, reason=reason)
        LOGINS.labels("refused", "password").inc()
        return InvalidCredentials()
