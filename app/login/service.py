"""Logging in, in one step or two."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from app.accounts.attempts.domain import Attempt, attempt_at
from app.accounts.domain import Account, Address
from app.accounts.repository import AccountRows
from app.accounts.service import Accounts
from app.audit.domain import Event, EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.requester import Requester
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.login.domain import Challenge, ChallengeExpired, ChallengeIssued, InvalidCredentials
from app.login.repository import Challenges, Grants
from app.observability.metrics import Counter
from app.settings import Settings
from app.tokens.domain import BY_PASSWORD
from app.tokens.service import Tokens
from app.two_factor.domain import Grant, Proof, SecondFactor, WrongCode, state_of
from app.two_factor.service import TwoFactor
from app.two_factor.verifier import AlreadySpent, CodeVerifier

_logins = Counter("twokeys_logins", "Log-ins, by outcome and factor.", ("outcome", "factor"))


@dataclass(frozen=True)
class Login:
    database: Database
    clock: Clock
    settings: Settings
    accounts: Accounts
    tokens: Tokens
    two_factor: TwoFactor
    code_verifier: CodeVerifier
    audit_log: AuditLog

    async def by_password(
        self, address: Address, password: SecretStr, code: str | None, requester: Requester
    ) -> Grant | ChallengeIssued:
        """The first step, or both in one call.

        Raises InvalidCredentials, WrongCodeAtLogin, TooManyAttempts, RateLimited, Overloaded.
        """
        with self.accounts.attempts.track(address.folded, requester):
            return await self._by_password(address, password, code, requester)

    async def _by_password(
        self, address: Address, password: SecretStr, code: str | None, requester: Requester
    ) -> Grant | ChallengeIssued:
        at = self.clock.now()
        with self.accounts.hasher.slot():
            attempt = await self.accounts.attempts.take_login(address.folded, requester, at)
            account, factor = await self.two_factor.holder_with(address.folded)
            right = await self.accounts.verify_password(account, password)
        if account is None or factor is None or not right:
            raise await self._refuse(account, requester, at)
        if not factor.is_enabled:
            return await self._grant_by_password(account, factor, attempt, requester, at)
        if code is None:
            return await self._ask_for_second_factor(account, attempt, at)
        async with self.database.autocommit() as connection:
            # Whatever the code is, the password was right: the two have budgets of their own.
            await self.accounts.attempts.forgive(connection, attempt)
        try:
            proof = await self.code_verifier.verify(account, factor, code, requester, at)
            return await self._grant_by_code(account, proof, None, requester, at)
        except WrongCode as wrong:
            _logins.labels("refused", "code").inc()
            raise wrong.at_login(attempts_remaining=wrong.members["attempts_remaining"]) from None

    async def by_code(self, challenge_secret: str, code: str, requester: Requester) -> Grant:
        """The second step. Raises ChallengeExpired, WrongCodeAtLogin, TooManyAttempts."""
        at = self.clock.now()
        found = digest_if(challenge_secret, SecretKind.CHALLENGE)
        if found is None:
            raise ChallengeExpired
        async with self.database.transaction() as connection:
            most = self.settings.wrong_codes_per_challenge
            challenge = await Challenges(connection).count_attempt(
                found, at, most=most, limits=self.code_verifier.limits
            )
            if challenge is None:
                raise ChallengeExpired
            if challenge.in_a_row is None:
                # This takes the count on the challenge back with it.
                raise await self.code_verifier.too_many(connection, challenge.account.id, at)
            account, in_a_row = challenge.account, challenge.in_a_row
        proof = self.code_verifier.match(challenge.factor, code, in_a_row, at)
        try:
            if proof is None:
                raise await self.code_verifier.record_wrong_code(account, in_a_row, requester, at)
            return await self._grant_by_code(account, proof, challenge, requester, at)
        except WrongCode as wrong:
            left = most - challenge.wrong_codes
            _logins.labels("refused", "code").inc()
            if left <= 0:
                raise ChallengeExpired from None
            raise wrong.at_login(attempts_remaining=min(left, wrong.members["attempts_remaining"])) from None

    async def _grant_by_password(
        self, account: Account, factor: SecondFactor, attempt: Attempt, requester: Requester, at: datetime
    ) -> Grant:
        session = self.tokens.prepare_session(account, BY_PASSWORD, requester, at)
        event = self._success(account, BY_PASSWORD, requester, at)
        async with self.database.autocommit() as connection:
            granted = await Grants(connection).for_password(account, attempt, session.params, event)
        if not granted:
            raise InvalidCredentials
        self.audit_log.count(event)
        _logins.labels("granted", "password").inc()
        return Grant(session.issued, account, state_of(factor, at))

    async def _ask_for_second_factor(self, account: Account, attempt: Attempt, at: datetime) -> ChallengeIssued:
        secret = new_secret(SecretKind.CHALLENGE)
        life = self.settings.challenge_seconds
        async with self.database.autocommit() as connection:
            expires_at = at + timedelta(seconds=life)
            opened = await Challenges(connection).open(digest(secret), account, attempt, expires_at)
        if not opened:
            raise InvalidCredentials
        _logins.labels("second_factor_asked", "password").inc()
        return ChallengeIssued(secret, at, life)

    async def _grant_by_code(
        self,
        account: Account,
        proof: Proof,
        challenge: Challenge | None,
        requester: Requester,
        at: datetime,
    ) -> Grant:
        """Everything that the proof spends and buys, in one transaction. Raises WrongCode, ChallengeExpired."""
        try:
            async with self.database.transaction() as connection:
                # The challenge goes first: who loses the race for it burns no recovery code.
                await self._lock_if_unchanged(connection, account, challenge, at)
                factor = await self.code_verifier.spend(connection, account, proof, requester, at)
                session = self.tokens.prepare_session(account, proof.amr, requester, at)
                event = self._success(account, proof.amr, requester, at)
                attempt = attempt_at(account.folded_address, requester, at)
                await Grants(connection).for_code(account, attempt, session.params, event)
        except AlreadySpent:
            raise await self.code_verifier.record_wrong_code(account, proof.in_a_row, requester, at) from None
        self.audit_log.count(event)
        _logins.labels("granted", proof.amr[1]).inc()
        return Grant(session.issued, account, state_of(factor, at))

    @staticmethod
    async def _lock_if_unchanged(
        connection: Connection, account: Account, challenge: Challenge | None, at: datetime
    ) -> None:
        """Keeps the account as it was read, and spends its challenge if there is one.

        Raises InvalidCredentials, ChallengeExpired.
        """
        if challenge is None and not await AccountRows(connection).lock_if_unchanged(account.id, epoch=account.epoch):
            raise InvalidCredentials
        if challenge is not None and not await Challenges(connection).spend(challenge.digest, account, at):
            raise ChallengeExpired

    @staticmethod
    def _success(account: Account, amr: tuple[str, ...], requester: Requester, at: datetime) -> Event:
        return Event(new_id(), account.id, EventType.LOGIN_SUCCEEDED, at, requester, {"amr": list(amr)}, None)

    async def _refuse(self, account: Account | None, requester: Requester, at: datetime) -> InvalidCredentials:
        """Recorded for an unknown address too, under no account: the same work tells nothing."""
        reason = "wrong_password" if account is None or account.is_active else "account_disabled"
        async with self.database.transaction() as connection:
            account_id = await AccountRows(connection).lock_existence(account.id if account else None)
            event = EventType.LOGIN_FAILED
            await self.audit_log.record(
                connection, event, account_id=account_id, at=at, requester=requester, reason=reason
            )
        _logins.labels("refused", "password").inc()
        return InvalidCredentials()
