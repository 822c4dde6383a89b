"""Logging in by a security key, as the second step, and by a passkey alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account
from app.authentication.domain import Grant
from app.database.engine import Connection, Database
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.login.sign_in import LOGINS, SignIn
from app.tokens.domain import BY_PASSKEY, BY_PASSWORD_AND_CREDENTIAL, AccountChanged
from app.tokens.service import Tokens
from app.two_factor.assertions import AssertionRequest, AssertionRequests
from app.two_factor.challenges.domain import ChallengeExpired
from app.two_factor.credentials import CredentialVerifier, PasskeyRefused
from app.two_factor.domain import ProofByCredential
from app.two_factor.refusals import InvalidCredential, InvalidCredentialAtLogin
from app.two_factor.service import TwoFactor

_PASSKEY = "log-in by passkey"


@dataclass(frozen=True)
class CredentialLogin:
    database: Database
    passkey_login: bool
    attempts: Attempts
    tokens: Tokens
    two_factor: TwoFactor
    assertions: AssertionRequests
    credentials: CredentialVerifier
    sign_in: SignIn

    async def second_step_options(self, challenge_secret: str, context: RequestContext) -> Mapping[str, Any]:
        """Raises ChallengeExpired, MethodNotAvailable, RateLimited."""
        await self.attempts.take_request(context)
        return await self.assertions.at_login(challenge_secret, context.at)

    async def second_step(self, challenge_secret: str, answer: Mapping[str, Any], context: RequestContext) -> Grant:
        """The second step by a security key. Raises ChallengeExpired, InvalidCredentialAtLogin, RateLimited."""
        await self.attempts.take_request(context)
        challenge, webauthn_challenge = await self.credentials.count_at_login(challenge_secret, context.at)
        account = challenge.account
        try:
            async with self.credentials.refusing(account, context):
                async with self.database.autocommit() as connection:
                    proof = await self.credentials.verify(
                        connection, account, answer, webauthn_challenge, BY_PASSWORD_AND_CREDENTIAL
                    )
                async with self.database.transaction() as connection:
                    account = await self.sign_in.note(connection, account, context)
                    await self.credentials.spend_at_login(connection, challenge, context.at)
                    grant = await self._grant_by_credential(connection, account, proof, challenge.created_at, context)
                return replace(grant, password_breached=challenge.password_breached)
        except AccountChanged:
            raise ChallengeExpired from None
        except InvalidCredential:
            pass
        LOGINS.labels("refused", "credential").inc()
        left = self.credentials.wrong_per_challenge - challenge.wrong_codes
        if left <= 0:
            raise ChallengeExpired
        raise InvalidCredentialAtLogin(attempts_remaining=left)

    async def passkey_options(self, context: RequestContext) -> AssertionRequest:
        """The same for everybody. Raises NotFound where the operator wants no passkeys; RateLimited."""
        if not self.passkey_login:
            raise NotFound
        await self.attempts.take_request(context)
        return self.assertions.any_passkey(_PASSKEY, context.at)

    async def by_passkey(self, challenge: str, answer: Mapping[str, Any], context: RequestContext) -> Grant:
        """Both factors by one passkey. Raises NotFound, InvalidCredentialAtLogin, RateLimited."""
        if not self.passkey_login:
            raise NotFound
        await self.attempts.take_request(context)
        async with self.database.autocommit() as connection:
            webauthn_challenge = await self.credentials.spend_challenge(connection, challenge, _PASSKEY, context.at)
        try:
            account, proof = await self.credentials.verify_passkey(answer, webauthn_challenge, BY_PASSKEY)
            async with self.credentials.refusing(account, context), self.database.transaction() as connection:
                account = await self.sign_in.note(connection, account, context)
                return await self._grant_by_credential(connection, account, proof, context.at, context)
        except PasskeyRefused as refused:
            if refused.account is not None:
                await self.credentials.record_refusal(refused.account, refused.reason, context)
        except (InvalidCredential, AccountChanged):
            pass
        LOGINS.labels("refused", "passkey").inc()
        raise InvalidCredentialAtLogin

    async def _grant_by_credential(
        self,
        connection: Connection,
        account: Account,
        proof: ProofByCredential,
        proved_at: datetime,
        context: RequestContext,
    ) -> Grant:
        """Raises AccountChanged, CounterStalled."""
        issued = await self.tokens.issue_session(connection, account, proof.amr, proved_at, context)
        factor = await self.credentials.spend(connection, account, proof, context)
        await self.sign_in.record(connection, account, issued, context)
        LOGINS.labels("granted", "passkey" if proof.amr == BY_PASSKEY else "credential").inc()
        return Grant(issued, account, self.two_factor.state_of(account, factor, context.at))
