"""Introspection as JSON (RFC 7662 §2.2)."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from app.http.schemas import AddressOut, Methods, ResponseModel
from app.tokens.domain import Caller


# The document says no more than `boolean`: several generators take a constant that is one for text, and then refuse
# every answer or don't compile.
class ActiveToken(ResponseModel):
    """`iat`, `exp` and `auth_time` are Unix seconds; `exp` is the earliest end, idleness included."""

    active: Annotated[Literal[True], WithJsonSchema({"type": "boolean", "examples": [True]})]
    sub: UUID = Field(description="The account's id.")
    username: AddressOut = Field(description="The account's address.")
    email_verified: bool
    external_id: str | None = Field(
        description="What the system that the account was imported from calls it.", examples=["u-4711"]
    )
    token_type: Literal["Bearer"] = "Bearer"
    iat: int = Field(examples=[1795532966])
    exp: int | SkipJsonSchema[None] = Field(default=None, exclude_if=lambda exp: exp is None, examples=[1795536566])
    auth_time: int = Field(examples=[1795532966])
    jti: UUID = Field(description="The token's id.")
    amr: Methods
    acr: Literal["aal1", "aal2"] = Field(examples=["aal2"])
    kind: Literal["session", "personal"]
    scope: str | SkipJsonSchema[None] = Field(
        default=None,
        exclude_if=lambda scope: scope is None,
        description="The words that the token was made with, separated by spaces; absent where it was made without.",
        examples=["orders:read orders:write"],
    )
    phishing_resistant: bool = Field(
        description="Whether a security key or passkey took part, which answers only our own pages.", examples=[True]
    )
    epoch: int = Field(
        description="The account's credential epoch: a cached answer with a smaller one is out of date.", examples=[3]
    )

    @classmethod
    def of(cls, caller: Caller) -> Self:
        token = caller.token
        return cls(
            active=True,
            sub=caller.account.id,
            username=caller.account.address,
            email_verified=caller.account.email_verified_at is not None,
            external_id=caller.account.external_id,
            iat=_seconds(token.created_at),
            exp=_seconds(token.ends_at) if token.ends_at else None,
            auth_time=_seconds(token.authenticated_at),
            jti=token.id,
            amr=list(token.amr),
            acr=token.assurance.value,
            kind=token.kind.value,
            scope=None if token.scopes is None else " ".join(token.scopes),
            phishing_resistant=token.is_phishing_resistant,
            epoch=caller.account.epoch,
        )


class InactiveToken(ResponseModel):
    active: Annotated[Literal[False], WithJsonSchema({"type": "boolean", "examples": [False]})]


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
