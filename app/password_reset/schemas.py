"""Password reset as JSON."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from app.infrastructure.wire import Answer, Body, GivenAddress, GivenCode, GivenPassword
from app.password_reset import domain
from app.tokens.schemas import Revoked


class AskForReset(Body):
    email: GivenAddress


class ResetAsked(Answer):
    """Always the same."""

    message: str = "If there is an account with this address, a mail with a link is on its way."


class CompleteReset(Body):
    token: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(examples=["tkr_…"])
    new_password: GivenPassword
    code: GivenCode | None = Field(default=None, description="Where the service asks for the second factor as well.")


class ResetCompleted(Answer):
    """No token is issued: log in with the new password."""

    two_factor: Literal["disabled", "kept", "not_enabled"]
    revoked: Revoked

    @classmethod
    def of(cls, completed: domain.Completed) -> Self:
        return cls(two_factor=completed.two_factor.value, revoked=Revoked.of(completed.revoked))
