"""Password reset as JSON."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from app.http.schemas import AddressIn, AddressOut, PasswordIn, RequestModel, ResponseModel, Timestamp
from app.password_reset import domain
from app.tokens.schemas import Revoked
from app.two_factor.schemas import CodeIn


class AskForReset(RequestModel):
    email: AddressIn


class ResetAsked(ResponseModel):
    """Always the same."""

    message: str = "If there is an account with this address, a mail with a link is on its way."


ResetToken = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tkr_…"])]


ClearsAt = Annotated[
    Timestamp | SkipJsonSchema[None],
    Field(
        exclude_if=lambda at: at is None,
        description="With `clearing`: from then on a log-in finds two-factor authentication off.",
        examples=["2026-11-30T12:00:00.000Z"],
    ),
]


class CheckReset(RequestModel):
    token: ResetToken


class ResetChecked(ResponseModel):
    """Whose link it is, and what a reset by it does to two-factor authentication."""

    email: AddressOut
    two_factor: Literal["cleared", "kept", "clearing", "not_enabled"] = Field(examples=["cleared"])
    clears_at: ClearsAt = None

    @classmethod
    def of(cls, prospect: domain.Prospect) -> Self:
        return cls(email=prospect.address, two_factor=prospect.two_factor.value, clears_at=prospect.clears_at)


class CompleteReset(RequestModel):
    token: ResetToken
    new_password: PasswordIn
    code: CodeIn | None = Field(default=None, description="Where the service asks for the second factor as well.")


class ResetCompleted(ResponseModel):
    """No token is issued: log in with the new password."""

    two_factor: Literal["disabled", "clearing", "kept", "not_enabled"]
    clears_at: ClearsAt = None
    revoked: Revoked

    @classmethod
    def of(cls, completed: domain.Completed) -> Self:
        return cls(
            two_factor=completed.two_factor.value,
            clears_at=completed.clears_at,
            revoked=Revoked.of(completed.revoked),
        )
