"""A right password that waits for its second factor."""

from dataclasses import dataclass, field
from datetime import datetime

from app.accounts.domain import Account
from app.kernel.refusal import NotAuthenticated
from app.two_factor.domain import SecondFactor


@dataclass(frozen=True)
class Challenge:
    """Whose it is, what may answer it, and how many wrong codes it has had, this attempt included.

    `created_at` is when the password was proved.
    """

    digest: bytes = field(repr=False)
    wrong_codes: int
    created_at: datetime
    account: Account
    factor: SecondFactor
    password_breached: bool = False


class ChallengeExpired(NotAuthenticated):
    code = "challenge_expired"
    title = "This log-in has run out; begin again with the password."
