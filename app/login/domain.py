"""What a log-in ends in."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from app.accounts.domain import Account
from app.kernel.refusal import NotAuthenticated
from app.two_factor.domain import SecondFactor


@dataclass(frozen=True)
class Challenge:
    """A right password waits here for its second proof: whose it is, and what may give it.

    `wrong_codes` and `in_a_row` include the one being looked at; `in_a_row` is None where the account is locked.
    """

    digest: bytes = field(repr=False)
    wrong_codes: int
    account: Account
    factor: SecondFactor
    in_a_row: int | None


@dataclass(frozen=True)
class ChallengeIssued:
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
