"""One more proof: by password, by code, or by a security key."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from app.accounts.passwords import Passwords
from app.authentication.domain import Changed, Grant
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.refusal import FieldError
from app.kernel.request_context import RequestContext
from app.tokens.domain import Caller
from app.tokens.service import Tokens
from app.two_factor.assertions import AssertionRequest, AssertionRequests
from app.two_factor.credentials import CounterStalled, CredentialVerifier
from app.two_factor.domain import SecondFactor
from app.two_factor.refusals import SecondFactorRequired
from app.two_factor.service import TwoFactor
from app.two_factor.verifier import CodeVerifier
from app.two_factor.webauthn import CredentialRefused

_REASON = "reauthenticated"


def joined(amr: tuple[str, ...], *methods: str) -> tuple[str, ...]:
    """The methods of a session and those that were proved now, in the order of RFC 8176's examples: `mfa` is last."""
    named = [*amr, *methods]
    return (*dict.fromkeys(method for method in named if method != "mfa"), *(["mfa"] if "mfa" in named else []))


@dataclass(frozen=True)
class Reauthentication:
    database: Database
    clock: Clock
    passwords: Passwords
    tokens: Tokens
    two_factor: TwoFactor
    verifier: CodeVerifier
    assertions: AssertionRequests
    credentials: CredentialVerifier

    async def request(self, caller: Caller) -> AssertionRequest:
        """Raises MethodNotAvailable."""
        return await self.assertions.of(caller.account, _purpose(caller), self.clock.now())

    async def by_password(self, caller: Caller, password: SecretStr, context: RequestContext) -> Changed:
        """Without 2FA alone. Raises SecondFactorRequired, WrongPassword, TooManyAttempts, Overloaded, InvalidToken."""
        factor = await self.two_factor.factor_of(caller.account)
        if factor.is_enabled:
            raise SecondFactorRequired
        await self.passwords.reauthenticate(caller.account, password, context)
        async with self._locked(caller) as connection:
            return await self._grant(connection, caller, factor, caller.token.amr, context)

    async def by_code(self, caller: Caller, code: str, context: RequestContext) -> Changed:
        """Raises FieldError without 2FA; WrongCode, TooManyAttempts, InvalidToken."""
        account = caller.account
        factor = await self.two_factor.factor_of(account)
        if not factor.is_enabled:
            raise FieldError("/code", "Two-factor authentication is not on; send the password.")
        verifier = self.verifier
        proof = await verifier.verify(account, factor, code, context)
        async with verifier.refusing_reuse(account, proof, context), self._locked(caller) as connection:
            factor = await verifier.spend(connection, account, proof, context)
            amr = joined(caller.token.amr, proof.amr[1], "mfa")
            return await self._grant(connection, caller, factor, amr, context)

    async def by_credential(
        self, caller: Caller, challenge: str, answer: Mapping[str, Any], context: RequestContext
    ) -> Changed:
        """Raises InvalidCredential; InvalidToken also for whoever loses a race with the same answer."""
        account, credentials = caller.account, self.credentials
        amr = joined(caller.token.amr, "pop", "mfa")
        async with credentials.refusing(account, context):
            async with self._locked(caller) as connection:
                purpose = _purpose(caller)
                asked = await credentials.spend_challenge(connection, challenge, purpose, context.at)
                try:
                    proof = await credentials.verify(connection, account, answer, asked, amr)
                    factor = await credentials.spend(connection, account, proof, context)
                    return await self._grant(connection, caller, factor, amr, context)
                except (CredentialRefused, CounterStalled) as error:
                    refused = error
            # After the commit: the challenge is spent, whatever the answer was.
            raise refused

    @asynccontextmanager
    async def _locked(self, caller: Caller) -> AsyncIterator[Connection]:
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller, exclusively=True)
            yield connection

    async def _grant(
        self,
        connection: Connection,
        caller: Caller,
        factor: SecondFactor,
        amr: tuple[str, ...],
        context: RequestContext,
    ) -> Changed:
        issued, revoked = await self.tokens.replace_session(
            connection, caller, amr, context.at, context, reason=_REASON
        )
        return Changed(
            Grant(issued, caller.account, self.two_factor.state_of(caller.account, factor, context.at)), revoked
        )


def _purpose(caller: Caller) -> str:
    """A challenge is good for the session that asked for it, and dies with its epoch."""
    return f"reauthentication {caller.account.id} {caller.account.epoch} {caller.token.id}"
