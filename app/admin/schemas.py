"""What operators send and get, as JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from app.accounts.domain import AccountPolicy, Status
from app.admin import domain
from app.audit import domain as activity
from app.authentication.schemas import Account, TwoFactor
from app.http.ndjson import lines_of
from app.http.schemas import (
    AddressIn,
    EventTypeOut,
    IdIn,
    IpOut,
    LocaleIn,
    PasswordIn,
    Reason,
    RequestModel,
    ResponseModel,
    Timestamp,
    UserAgentOut,
)
from app.kernel.refusal import FieldError
from app.tokens.schemas import Revoked
from app.two_factor.schemas import TurnedOff

Policy = Literal["inherit", "required", "exempt"]


class CreateAccount(RequestModel):
    email: AddressIn
    password: PasswordIn | None = Field(default=None, description="Without it the person gets a mail to set one.")
    locale: LocaleIn | None = None


class ChangeAccount(RequestModel):
    """What is left out stays as it is."""

    status: Literal["active", "disabled"] | SkipJsonSchema[None] = Field(default=None, examples=["disabled"])
    email: AddressIn | SkipJsonSchema[None] = Field(default=None, description="Counts at once, and is not verified.")
    locale: LocaleIn | None = Field(default=None, description="Null where nothing is known any more: English then.")
    two_factor_policy: Policy | SkipJsonSchema[None] = Field(
        default=None,
        description="Whether the account must have two-factor authentication: as the service has it, yes, or no.",
        examples=["exempt"],
    )
    reason: Reason | SkipJsonSchema[None] = Field(
        default=None, description="Why the policy changes; an exemption needs one."
    )

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        changes = (self.status, self.email, self.two_factor_policy)
        if changes == (None, None, None) and "locale" not in self.model_fields_set:
            message = "Must name what is to be changed."
            raise ValueError(message)
        if self.two_factor_policy == "exempt" and self.reason is None:
            raise FieldError("/reason", "This policy needs a reason.")
        return self

    def wanted(self) -> domain.AccountChange:
        return domain.AccountChange(
            self.email,
            Status(self.status) if self.status else None,
            self.locale,
            changes_locale="locale" in self.model_fields_set,
            policy=AccountPolicy(self.two_factor_policy) if self.two_factor_policy else None,
            reason=self.reason,
        )


class AnyAccount(Account):
    """An account as an operator sees it."""

    two_factor_policy: Policy = Field(
        description="What holds for this account: what the service has, or a policy of its own.", examples=["inherit"]
    )

    @classmethod
    def showing(cls, known: domain.KnownAccount) -> Self:
        return cls(
            **vars(Account.of(known.account, known.two_factor)), two_factor_policy=known.account.two_factor_policy.value
        )


class Coverage(ResponseModel):
    """How many active accounts there are, and how many in each state; one may be in several."""

    accounts: int = Field(examples=[120])
    enabled: int = Field(description="With two-factor authentication on.", examples=[80])
    phishing_resistant: int = Field(description="With a security key or passkey.", examples=[30])
    in_grace: int = Field(description="Without it, and not yet overdue.", examples=[25])
    overdue: int = Field(description="Without it, and past their deadline: they can do nothing else.", examples=[10])
    exempt: int = Field(examples=[5])

    @classmethod
    def of(cls, coverage: domain.Coverage) -> Self:
        return cls(**vars(coverage))


class WithReason(RequestModel):
    reason: Reason


class ResetTwoFactor(WithReason):
    authenticator_id: IdIn | None = Field(default=None, description="Only this authenticator.")


class TwoFactorReset(ResponseModel):
    two_factor: TurnedOff
    revoked: Revoked

    @classmethod
    def of(cls, reset: domain.TwoFactorReset) -> Self:
        return cls(two_factor=TwoFactor.of(reset.two_factor), revoked=Revoked.of(reset.revoked))


class ClearingCancelled(ResponseModel):
    two_factor: TwoFactor


class TokensRevoked(ResponseModel):
    revoked: Revoked


class PasswordResetSent(ResponseModel):
    message: str = "A mail with a link is on its way."


class AnyEvent(ResponseModel):
    """An event of any account; `account_id` is null for what concerned all of them."""

    id: UUID
    type: EventTypeOut
    occurred_at: Timestamp
    ip: IpOut
    user_agent: UserAgentOut
    details: Mapping[str, Any] = Field(examples=[{"reason": "Lost her phone, identity checked."}])
    account_id: UUID | None
    client_id: str | None = Field(examples=["0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"])

    @classmethod
    def of(cls, event: activity.Event) -> Self:
        return cls(
            id=event.id,
            type=event.type.value,
            occurred_at=event.occurred_at,
            ip=event.requester.address,
            user_agent=event.requester.user_agent,
            details=event.details,
            account_id=event.account_id,
            client_id=event.client_id,
        )


_EVENT = AnyEvent(
    id=UUID("0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"),
    type="two_factor.reset",
    occurred_at=datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC),
    ip="203.0.113.7",
    user_agent="Mozilla/5.0 (X11; Linux x86_64)",
    details={"reason": "Lost her phone, identity checked."},
    account_id=UUID("0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e7"),
    client_id="0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e8",
)
EVENT_LINES: dict[int | str, dict[str, Any]] = {
    200: {"content": lines_of("One `AnyEvent` a line.", _EVENT.model_dump(mode="json"))}
}


def show_account(known: domain.KnownAccount) -> AnyAccount:
    return AnyAccount.showing(known)
