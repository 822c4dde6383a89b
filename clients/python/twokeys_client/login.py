"""Logging in, with every factor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from twokeys_client.problems import expect
from twokeys_client.wire import Client
from twokeys_client.wire import models as wire
from twokeys_client.wire.api.log_in import (
    log_in,
    log_in_by_passkey,
    log_in_second_step,
    request_passkey,
    request_second_step,
)


@dataclass(frozen=True)
class LogIn:
    """One method for each proof. All raise Refused, Unanswered and httpx.HTTPError.

    What a browser needs for a key or passkey is `public_key`, and what it gives is `credential.toJSON()`.
    """

    client: Client

    @classmethod
    def at(cls, address: str) -> Self:
        return cls(Client(base_url=address))

    async def by_password(
        self, email: str, password: str
    ) -> wire.Grant | wire.TwoFactorRequired | wire.EnrollmentRequired:
        """A grant, a `challenge` for the second factor, or a `ticket` to set one up where a policy requires it."""
        answer = await log_in.asyncio(client=self.client, body=wire.LogIn(email=email, password=password))
        return answer if isinstance(answer, (wire.TwoFactorRequired, wire.EnrollmentRequired)) else expect(answer)

    async def by_code(self, challenge: str, code: str) -> wire.Grant:
        """`code` is six digits of the app, or a recovery code."""
        body = wire.SecondStep(challenge=challenge, code=code)
        return expect(await log_in_second_step.asyncio(client=self.client, body=body))

    async def key_options(self, challenge: str) -> dict[str, Any]:
        """For `PublicKeyCredential.parseRequestOptionsFromJSON()`."""
        body = wire.SecondStepOptions(challenge=challenge)
        return expect(await request_second_step.asyncio(client=self.client, body=body)).public_key.to_dict()

    async def by_key(self, challenge: str, credential: Mapping[str, Any]) -> wire.Grant:
        """A security key or passkey as the second factor."""
        proof = wire.SecondStepCredential.from_dict(credential)
        body = wire.SecondStep(challenge=challenge, credential=proof)
        return expect(await log_in_second_step.asyncio(client=self.client, body=body))

    async def passkey_options(self) -> tuple[str, dict[str, Any]]:
        """The challenge, and the options as those of `key_options`."""
        asked = expect(await request_passkey.asyncio(client=self.client, body=wire.NoMembers()))
        return asked.challenge, asked.public_key.to_dict()

    async def by_passkey(self, challenge: str, credential: Mapping[str, Any]) -> wire.Grant:
        """A passkey alone: it is both factors."""
        proof = wire.LogInByPasskeyCredential.from_dict(credential)
        body = wire.LogInByPasskey(challenge=challenge, credential=proof)
        return expect(await log_in_by_passkey.asyncio(client=self.client, body=body))
