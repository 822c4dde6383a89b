"""Password reset as JSON."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from app.http.schemas import AddressIn, AddressOut, PasswordIn, RequestModel, ResponseModel
from app.password_reset import domain
from app.tokens.schemas import Revoked
from app.two_factor.schemas import CodeIn


class AskForReset(RequestModel):
    email: AddressIn


class ResetAsked(ResponseModel):
    """Always the same."""

    message: str = "If there is an account with this address, a mail with a link is on its way."


ResetToken = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tkr_…"])]


class CheckReset(RequestModel):
    token: ResetToken


class ResetChecked(ResponseModel):
    """Whose link it is, and what a reset by it does to two-factor authentication."""

    email: AddressOut
    two_factor: Literal["cleared", "kept", "not_enabled"] = Field(examples=["cleared"])

    @classmethod
    def of(cls, prospect: domain.Prospect) -> Self:
        return cls(email=prospect.address, two_factor=prospect.two_factor.value)


class CompleteReset(RequestModel):
    token: ResetToken
    new_password: PasswordIn
    code: CodeIn | None = Field(default=None, description="Where the service asks for the second factor as well.")


class ResetCompleted(ResponseModel):
    """No token is issued: log in with the new password."""

    two_factor: Literal["disabled", "kept", "not_enabled"]
    revoked: Revoked

    @classmethod
    def of(cls, completed: domain.Completed) -> Self:
        return cls(two_factor=completed.two_factor.value, revoked=Revoked.of(completed.revoked))
