"""Two-factor authentication as JSON."""

import re
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.authentication.domain import Changed
from app.authentication.schemas import Grant, TwoFactor
from app.http.schemas import (
    AddressOut,
    IdIn,
    PasswordIn,
    RecoveryCodeOut,
    RequestModel,
    ResponseModel,
    Timestamp,
    printable,
)
from app.kernel.refusal import FieldError
from app.tokens.schemas import Revoked
from app.two_factor import domain, totp
from app.two_factor.codes import plain_recovery_code

_TOTP_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{24}")


def _is_code(text: str) -> str:
    """Raises ValueError for what is neither six ASCII digits nor a recovery code."""
    if not (_TOTP_CODE.fullmatch(text) or _RECOVERY_CODE.fullmatch(plain_recovery_code(text))):
        message = "Must be six digits, or a recovery code."
        raise ValueError(message)
    return text


CodeIn = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_code), Field(examples=["123456"])]


TurnedOff = Annotated[
    TwoFactor,
    Field(examples=[{"status": "disabled", "recovery_codes_remaining": 0, "methods": [], "required": False}]),
]


class Authenticator(ResponseModel):
    """`passkey` and `backed_up` are null for an authenticator app."""

    id: UUID
    kind: Literal["totp", "webauthn"] = Field(examples=["webauthn"])
    name: str = Field(examples=["Blue key"])
    created_at: Timestamp
    last_used_at: Timestamp | None
    passkey: bool | None = Field(description="Whether it can log in without a password.", examples=[False])
    backed_up: bool | None = Field(description="Whether its maker keeps a copy.", examples=[False])

    @classmethod
    def of(cls, authenticator: domain.Authenticator) -> Self:
        return cls(**vars(authenticator) | {"kind": authenticator.kind.value})


NameIn = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(printable), Field(examples=["Blue key"])
]


class BeginEnrollment(RequestModel):
    """With two-factor authentication on, either `additional` or `replaces`."""

    password: PasswordIn
    name: NameIn | None = None
    additional: bool = Field(default=False, description="One more authenticator app.")
    replaces: IdIn | None = Field(default=None, description="The authenticator app whose place it takes.")

    @model_validator(mode="after")
    def _is_for_one_place(self) -> Self:
        if self.additional and self.replaces is not None:
            raise FieldError("/replaces", "Send `additional` or `replaces`, not both.")
        return self


class Enrollment(ResponseModel):
    """Shown once. `secret` is for typing, the two pictures are `data:` URIs of the same `otpauth_uri`."""

    id: UUID = Field(description="Send it with the code, so that a code for another secret counts as no attempt.")
    secret: str = Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    otpauth_uri: str = Field(examples=["otpauth://totp/Twokeys:ada%40example.com?secret=JBSWY3DP…&issuer=Twokeys"])
    qr_svg: str = Field(examples=["data:image/svg+xml;base64,PHN2ZyB4…"])
    qr_png: str = Field(examples=["data:image/png;base64,iVBORw0KGgo…"])
    issuer: str = Field(examples=["Twokeys"])
    account_name: AddressOut
    algorithm: Literal["SHA1"] = "SHA1"
    digits: Literal[6] = totp.DIGITS
    period: Literal[30] = totp.PERIOD_SECONDS
    expires_at: Timestamp

    @classmethod
    def of(cls, issued: domain.Issued) -> Self:
        return cls(**vars(issued))


class Confirm(RequestModel):
    code: CodeIn
    enrollment_id: IdIn | None = Field(
        default=None, description="The `id` of the enrollment that the code is for; another than the pending is 409."
    )


class Confirmed(ResponseModel):
    two_factor: TwoFactor
    recovery_codes: list[RecoveryCodeOut] = Field(
        description="With the first authenticator ten codes, each good once, shown in this answer and never again; "
        "empty for another one, since the old ones stay."
    )
    grant: Grant
    revoked: Revoked
    authenticator: Authenticator

    @classmethod
    def of(cls, added: domain.Added) -> Self:
        changed = added.changed
        return cls(
            two_factor=TwoFactor.of(changed.grant.two_factor),
            recovery_codes=list(added.recovery_codes),
            grant=Grant.of(changed.grant),
            revoked=Revoked.of(changed.revoked),
            authenticator=Authenticator.of(added.authenticator),
        )


class Removed(ResponseModel):
    two_factor: TwoFactor
    grant: Grant
    revoked: Revoked

    @classmethod
    def of(cls, changed: Changed) -> Self:
        return cls(
            two_factor=TwoFactor.of(changed.grant.two_factor),
            grant=Grant.of(changed.grant),
            revoked=Revoked.of(changed.revoked),
        )


class Disable(RequestModel):
    password: PasswordIn
    code: CodeIn | None = None


class Disabled(ResponseModel):
    two_factor: TurnedOff
    grant: Grant
    revoked: Revoked

    @classmethod
    def of(cls, changed: Changed) -> Self:
        return cls(
            two_factor=TwoFactor.of(changed.grant.two_factor),
            grant=Grant.of(changed.grant),
            revoked=Revoked.of(changed.revoked),
        )


class ReplaceRecoveryCodes(RequestModel):
    password: PasswordIn


class NewRecoveryCodes(ResponseModel):
    recovery_codes: list[RecoveryCodeOut] = Field(description="Ten codes, each good once; the old set is dead.")
