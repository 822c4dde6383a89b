"""What a log-in ends in."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from app.kernel.refusal import NotAuthenticated


@dataclass(frozen=True)
class Challenge:
    """A right password waits here for its second proof. `wrong_codes` includes the one being looked at."""

    digest: bytes = field(repr=False)
    account_id: UUID
    epoch: int
    wrong_codes: int


@dataclass(frozen=True)
class SecondFactorAsked:
    secret: SecretStr
    created_at: datetime
    expires_in: int


class InvalidCredentials(NotAuthenticated):
    """The same for an unknown address, a wrong password and a disabled account."""

    code = "invalid_credentials"
    title = "The address or the password is wrong."


class ChallengeExpired(NotAuthenticated):
    code = "challenge_expired"
    title = "This log-in has run out; begin again with the password."
