"""What a log-in ends in."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from app.kernel.refusal import NotAllowed, NotAuthenticated


@dataclass(frozen=True)
class ChallengeIssued:
    secret: SecretStr
    created_at: datetime
    expires_in: int
    methods: tuple[str, ...]
    clears_at: datetime | None
    """When a password reset clears the second factor, unless a right code comes first."""


class PasswordResetRequired(NotAllowed):
    code = "password_reset_required"
    title = "The password is known from a data breach. A link to choose another one was mailed to you."


class InvalidCredentials(NotAuthenticated):
    """The same for an unknown address, a wrong password and a disabled account."""

    code = "invalid_credentials"
    title = "The address or the password is wrong."
