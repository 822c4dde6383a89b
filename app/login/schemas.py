"""Log-in as JSON."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from app.http.schemas import AddressIn, PasswordIn, RequestModel, ResponseModel, Timestamp
from app.kernel.refusal import FieldError
from app.login import domain
from app.two_factor.authenticators.schemas import CredentialIn, PublicKeyOut
from app.two_factor.domain import Kind
from app.two_factor.schemas import CodeIn
from app.two_factor.tickets.domain import TicketIssued


class LogIn(RequestModel):
    email: AddressIn
    password: PasswordIn
    code: CodeIn | None = Field(default=None, description="Both steps in one call; ignored without 2FA.")


class TwoFactorRequired(ResponseModel):
    """The password is right; now send a code or a credential with this challenge."""

    status: Literal["two_factor_required"] = "two_factor_required"
    challenge: str = Field(examples=["tkc_…"])
    expires_in: int = Field(examples=[300])
    methods: list[str] = Field(
        description="What the account can prove its second factor by: `totp`, `webauthn`, `recovery_code`.",
        examples=[["totp", "recovery_code"]],
    )
    clears_at: Timestamp | SkipJsonSchema[None] = Field(
        default=None,
        exclude_if=lambda at: at is None,
        description="While a password reset waits to turn two-factor authentication off: when it does. Any right code "
        "or credential cancels it.",
        examples=["2026-11-30T12:00:00.000Z"],
    )

    @classmethod
    def of(cls, issued: domain.ChallengeIssued) -> Self:
        return cls(
            challenge=issued.secret.get_secret_value(),
            expires_in=issued.expires_in,
            methods=list(issued.methods),
            clears_at=issued.clears_at,
        )


class EnrollmentRequired(ResponseModel):
    """The password is right, and the account must have a second factor: enroll one with this ticket, no session."""

    status: Literal["enrollment_required"] = "enrollment_required"
    ticket: str = Field(examples=["tke_…"])
    expires_in: int = Field(examples=[600])
    methods: list[str] = Field(description="What may be enrolled: `totp`, `webauthn`.", examples=[["totp", "webauthn"]])

    @classmethod
    def of(cls, issued: TicketIssued) -> Self:
        return cls(
            ticket=issued.secret.get_secret_value(),
            expires_in=issued.expires_in,
            methods=[kind.value for kind in Kind],
        )


ChallengeIn = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tkc_…"])]


class SecondStepOptions(RequestModel):
    challenge: ChallengeIn


class RequestOptions(ResponseModel):
    public_key: PublicKeyOut = Field(description="For `PublicKeyCredential.parseRequestOptionsFromJSON()`.")


class SecondStep(RequestModel):
    """With exactly one of `code` and `credential`."""

    challenge: ChallengeIn
    code: CodeIn | SkipJsonSchema[None] = None
    credential: CredentialIn | SkipJsonSchema[None] = None

    @model_validator(mode="after")
    def _is_one_proof(self) -> Self:
        if (self.code is None) == (self.credential is None):
            raise FieldError("/code", "Send either a code or a credential.")
        return self


class LogInByPasskey(RequestModel):
    challenge: ChallengeIn
    credential: CredentialIn
