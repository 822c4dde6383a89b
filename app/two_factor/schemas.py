"""Two-factor authentication, and what a proof grants, as JSON."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.accounts import domain as accounts
from app.http.schemas import AddressOut, IdIn, PasswordIn, RecoveryCodeOut, RequestModel, ResponseModel, Timestamp
from app.tokens.schemas import Revoked, Token
from app.two_factor import domain, totp

_TOTP_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{24}")


def _is_code(text: str) -> str:
    """Raises ValueError for what is neither six ASCII digits nor a recovery code."""
    if not (_TOTP_CODE.fullmatch(text) or _RECOVERY_CODE.fullmatch(domain.plain_recovery_code(text))):
        message = "Must be six digits, or a recovery code."
        raise ValueError(message)
    return text


CodeIn = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_code), Field(examples=["123456"])]


class TwoFactor(ResponseModel):
    status: Literal["disabled", "pending", "enabled"] = Field(examples=["enabled"])
    enabled_at: Timestamp | None
    last_used_at: Timestamp | None
    enrollment_expires_at: Timestamp | None = Field(examples=[None])
    recovery_codes_remaining: int = Field(examples=[10])

    @classmethod
    def of(cls, state: domain.State) -> Self:
        return cls(
            status=state.status.value,
            enabled_at=state.enabled_at,
            last_used_at=state.last_used_at,
            enrollment_expires_at=state.enrollment_expires_at,
            recovery_codes_remaining=state.recovery_codes_remaining,
        )


TurnedOff = Annotated[
    TwoFactor,
    Field(examples=[{"status": "disabled", "recovery_codes_remaining": 0}]),
]


class Account(ResponseModel):
    id: UUID
    email: AddressOut
    created_at: Timestamp
    status: Literal["active", "disabled"]
    external_id: str | None = Field(
        description="What the system that it was imported from calls it.", examples=["u-4711"]
    )
    email_verified_at: Timestamp | None
    last_login_at: Timestamp | None
    two_factor: TwoFactor

    @classmethod
    def of(cls, account: accounts.Account, state: domain.State) -> Self:
        return cls(
            id=account.id,
            email=account.address,
            created_at=account.created_at,
            status=account.status.value,
            external_id=account.external_id,
            email_verified_at=account.email_verified_at,
            last_login_at=account.last_login_at,
            two_factor=TwoFactor.of(state),
        )


class Grant(ResponseModel):
    """What a successful proof returns."""

    status: Literal["authenticated"] = "authenticated"
    access_token: str = Field(examples=["tks_…"])
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = Field(description="Seconds to the absolute end; idleness may end it earlier.", examples=[86400])
    token: Token
    account: Account

    @classmethod
    def of(cls, grant: domain.Grant) -> Self:
        token = grant.issued.token
        return cls(
            access_token=grant.issued.secret.get_secret_value(),
            expires_in=_seconds(token.created_at, token.expires_at),
            token=Token.of(token, current=token.id),
            account=Account.of(grant.account, grant.two_factor),
        )


def _seconds(since: datetime, until: datetime | None) -> int:
    return int((until - since).total_seconds()) if until else 0


class BeginEnrollment(RequestModel):
    password: PasswordIn


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
        description="Ten codes, each good once; shown in this answer and never again."
    )
    grant: Grant
    revoked: Revoked

    @classmethod
    def of(cls, changed: domain.Changed) -> Self:
        return cls(
            two_factor=TwoFactor.of(changed.grant.two_factor),
            recovery_codes=list(changed.recovery_codes),
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
    def of(cls, changed: domain.Changed) -> Self:
        return cls(
            two_factor=TwoFactor.of(changed.grant.two_factor),
            grant=Grant.of(changed.grant),
            revoked=Revoked.of(changed.revoked),
        )


class ReplaceRecoveryCodes(RequestModel):
    password: PasswordIn


class NewRecoveryCodes(ResponseModel):
    recovery_codes: list[RecoveryCodeOut] = Field(description="Ten codes, each good once; the old set is dead.")
