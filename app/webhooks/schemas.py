"""Webhooks and deliveries, as JSON."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from app.http.schemas import RequestModel, ResponseModel, Timestamp, printable
from app.webhooks import domain

_UrlIn = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000),
    Field(description="`https`, and outside of private networks.", examples=["https://shop.example.com/hooks"]),
]
_TypeIn = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_TypesIn = Annotated[
    list[_TypeIn],
    Field(
        min_length=1,
        max_length=domain.MOST_TYPES,
        description="Types of events, groups such as `two_factor.*`, or `*` for everything.",
        examples=[["account.epoch_turned", "token.*"]],
    ),
]
_DescriptionIn = Annotated[
    str,
    StringConstraints(min_length=1, max_length=domain.LONGEST_DESCRIPTION),
    AfterValidator(printable),
    Field(examples=["The shop's cache"]),
]


class CreateWebhook(RequestModel):
    url: _UrlIn
    types: _TypesIn
    description: _DescriptionIn | None = None
    enabled: bool = True


class ChangeWebhook(RequestModel):
    url: _UrlIn | None = None
    types: _TypesIn | None = None
    description: _DescriptionIn | None = Field(default=None, description="Null takes it away.")
    enabled: bool | None = None

    def as_change(self) -> domain.WebhookChange:
        clears = "description" in self.model_fields_set and self.description is None
        return domain.WebhookChange(self.url, self.types, self.enabled, self.description, clears)


class Webhook(ResponseModel):
    id: UUID
    url: str = Field(examples=["https://shop.example.com/hooks"])
    types: list[str] = Field(examples=[["account.epoch_turned", "token.*"]])
    description: str | None = Field(examples=["The shop's cache"])
    enabled: bool = Field(description="False also where the receiver has answered 410.", examples=[True])
    created_at: Timestamp

    @classmethod
    def of(cls, webhook: domain.Webhook) -> Self:
        return cls(**{**vars(webhook), "types": list(webhook.types)})


class WebhookSecret(ResponseModel):
    secret: str = Field(
        description="Shown this once. The one before signs as well for 24 hours.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="],
    )

    @classmethod
    def of(cls, secret: SecretStr) -> Self:
        return cls(secret=secret.get_secret_value())


class NewWebhook(Webhook):
    secret: str = Field(description="Shown this once.", examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])

    @classmethod
    def made(cls, webhook: domain.Webhook, secret: SecretStr) -> Self:
        return cls(**Webhook.of(webhook).model_dump(), secret=secret.get_secret_value())


class Delivery(ResponseModel):
    id: UUID
    event_id: UUID
    type: str = Field(examples=["account.epoch_turned"])
    status: Literal["pending", "delivered", "failed"] = Field(description="`failed`: given up.", examples=["pending"])
    attempts: int = Field(examples=[1])
    last_attempt_at: Timestamp | None
    next_attempt_at: Timestamp | None = Field(
        description="Null where nothing is to come. Deliveries of one account go one after the other."
    )

    @classmethod
    def of(cls, delivery: domain.Delivery) -> Self:
        return cls(**{**vars(delivery), "status": delivery.status.value})
