"""Introspection as JSON (RFC 7662 §2.2)."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field

from app.infrastructure.wire import Answer
from app.tokens.domain import Caller


class ActiveToken(Answer):
    """`iat`, `exp` and `auth_time` are Unix seconds; `exp` is the earliest end, idleness included."""

    active: Literal[True] = True
    sub: UUID = Field(description="The account's id.")
    username: str = Field(description="The account's address.")
    token_type: Literal["Bearer"] = "Bearer"
    iat: int
    exp: int | None = Field(default=None, exclude_if=lambda exp: exp is None)
    auth_time: int
    jti: UUID = Field(description="The token's id.")
    amr: list[str]
    acr: Literal["aal1", "aal2"]
    kind: Literal["session", "personal"]

    @classmethod
    def of(cls, caller: Caller) -> Self:
        token = caller.token
        return cls(
            sub=caller.account.id,
            username=caller.account.address,
            iat=_seconds(token.created_at),
            exp=_seconds(token.ends_at) if token.ends_at else None,
            auth_time=_seconds(token.authenticated_at),
            jti=token.id,
            amr=list(token.amr),
            acr=token.assurance.value,
            kind=token.kind.value,
        )


class InactiveToken(Answer):
    active: Literal[False] = False


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
