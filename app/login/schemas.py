"""Log-in as JSON."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from app.http.schemas import AddressIn, PasswordIn, RequestModel, ResponseModel
from app.login import domain
from app.two_factor.schemas import CodeIn


class LogIn(RequestModel):
    email: AddressIn
    password: PasswordIn
    code: CodeIn | None = Field(default=None, description="Both steps in one call; ignored without 2FA.")


class TwoFactorRequired(ResponseModel):
    """The password is right; now send a code with this challenge."""

    status: Literal["two_factor_required"] = "two_factor_required"
    challenge: str = Field(examples=["tkc_…"])
    expires_in: int = Field(examples=[300])
    methods: tuple[Literal["totp", "recovery_code"], ...] = ("totp", "recovery_code")

    @classmethod
    def of(cls, issued: domain.ChallengeIssued) -> Self:
        return cls(challenge=issued.secret.get_secret_value(), expires_in=issued.expires_in)


class SecondStep(RequestModel):
    challenge: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(examples=["tkc_…"])
    code: CodeIn
