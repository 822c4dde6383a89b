"""One's account and events as JSON."""

from typing import Any, Self
from uuid import UUID

from pydantic import Field

from app.audit import domain
from app.authentication.domain import Changed
from app.authentication.schemas import Grant
from app.http.schemas import (
    EventTypeOut,
    IpOut,
    LocaleIn,
    PasswordIn,
    RequestModel,
    ResponseModel,
    Timestamp,
    UserAgentOut,
)
from app.tokens.schemas import Revoked


class ChangeProfile(RequestModel):
    locale: LocaleIn | None = Field(description="Null where nothing is known any more: English then.")


class ChangePassword(RequestModel):
    current_password: PasswordIn
    new_password: PasswordIn


class PasswordChanged(ResponseModel):
    grant: Grant
    revoked: Revoked

    @classmethod
    def of(cls, changed: Changed) -> Self:
        return cls(grant=Grant.of(changed.grant), revoked=Revoked.of(changed.revoked))


class Event(ResponseModel):
    """Something that happened to the account."""

    id: UUID
    type: EventTypeOut
    occurred_at: Timestamp
    ip: IpOut
    user_agent: UserAgentOut
    details: dict[str, Any] = Field(examples=[{"amr": ["pwd", "otp", "mfa"]}])

    @classmethod
    def of(cls, event: domain.Event) -> Self:
        return cls(
            id=event.id,
            type=event.type.value,
            occurred_at=event.occurred_at,
            ip=event.requester.address,
            user_agent=event.requester.user_agent,
            details=dict(event.details) | ({"client_id": event.client_id} if event.client_id else {}),
        )
