"""What a proof grants, and the account that it grants it for, as JSON."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.accounts import domain as accounts
from app.authentication import domain
from app.http.schemas import AddressOut, LocaleOut, ResponseModel, Timestamp
from app.tokens.schemas import Token


class TwoFactor(ResponseModel):
    status: Literal["disabled", "pending", "enabled"] = Field(examples=["enabled"])
    enabled_at: Timestamp | None
    last_used_at: Timestamp | None
    enrollment_expires_at: Timestamp | None = Field(examples=[None])
    recovery_codes_remaining: int = Field(examples=[10])
    methods: list[str] = Field(description="The kinds of authenticators that the account has.", examples=[["totp"]])
    clears_at: Timestamp | None = Field(
        description="From then on the next log-in turns it off, unless the clearing is cancelled.", examples=[None]
    )
    required: bool = Field(description="Whether the account must have it.", examples=[False])
    required_from: Timestamp | None = Field(
        description="From when on the account can do nothing without it; null while it is on or not required.",
        examples=[None],
    )

    @classmethod
    def of(cls, state: domain.TwoFactorState) -> Self:
        return cls(
            status=state.status.value,
            enabled_at=state.enabled_at,
            last_used_at=state.last_used_at,
            enrollment_expires_at=state.enrollment_expires_at,
            recovery_codes_remaining=state.recovery_codes_remaining,
            methods=[*state.methods],
            clears_at=state.clears_at,
            required=state.required,
            required_from=state.required_from,
        )


class Account(ResponseModel):
    id: UUID
    email: AddressOut
    created_at: Timestamp
    status: Literal["active", "disabled"]
    external_id: str | None = Field(
        description="What the system that it was imported from calls it.", examples=["u-4711"]
    )
    email_verified_at: Timestamp | None
    pending_email: str | None = Field(
        description="The newest address that waits for its mailbox to confirm it.", examples=[None]
    )
    last_login_at: Timestamp | None
    locale: LocaleOut
    two_factor: TwoFactor

    @classmethod
    def of(cls, account: accounts.Account, state: domain.TwoFactorState) -> Self:
        return cls(
            id=account.id,
            email=account.address,
            created_at=account.created_at,
            status=account.status.value,
            external_id=account.external_id,
            email_verified_at=account.email_verified_at,
            pending_email=account.pending_address,
            last_login_at=account.last_login_at,
            locale=account.locale,
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
    password_breached: bool | SkipJsonSchema[None] = Field(
        default=None,
        exclude_if=lambda breached: breached is None,
        description="True where the password of this log-in is known from a data breach: ask for another one.",
        examples=[True],
    )

    @classmethod
    def of(cls, grant: domain.Grant) -> Self:
        token = grant.issued.token
        return cls(
            access_token=grant.issued.secret.get_secret_value(),
            expires_in=_seconds(token.created_at, token.expires_at),
            token=Token.of(token, current=token.id),
            account=Account.of(grant.account.as_of(token.created_at), grant.two_factor),
            password_breached=grant.password_breached or None,
        )


def _seconds(since: datetime, until: datetime | None) -> int:
    return int((until - since).total_seconds()) if until else 0
