"""The shapes and habits that the JSON of all modules shares."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)

from app.http.middleware import requester_of
from app.kernel.clock import read_rfc3339, rfc3339
from app.kernel.locale import read_locale
from app.kernel.request_context import RequestContext


class RequestModel(BaseModel):
    """A request body: unknown fields are refused, and no type is converted into another."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """A response body."""

    # A field with a default is always sent, so the document lists it as required.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


Timestamp = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339, UTC, to the millisecond."""

TimestampIn = Annotated[datetime, BeforeValidator(read_rfc3339)]


class FieldProblem(BaseModel):
    pointer: str = Field(description="A JSON pointer (RFC 6901) to the field.")
    message: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable and says what happened; some codes add the members after `request_id`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = Field(
        default=None, description="With 422 `invalid_request`: what is wrong where."
    )
    error: str | None = Field(default=None, description="At `/v1/introspect` and `/v1/revoke`: RFC 6749 §5.2.")


AddressOut = Annotated[str, Field(examples=["ada@example.com"])]
IpOut = Annotated[str | None, Field(examples=["203.0.113.7"])]
UserAgentOut = Annotated[str | None, Field(examples=["Mozilla/5.0 (X11; Linux x86_64)"])]
Methods = Annotated[list[str], Field(examples=[["pwd", "otp", "mfa"]], description="RFC 8176.")]
LocaleOut = Annotated[
    str | None, Field(description="The language that the person is written to in (BCP 47).", examples=["de-AT"])
]
RecoveryCodeOut = Annotated[str, Field(examples=["VWK4-7QZD-XN2M-3RBT-H5YC-6ALE"])]

AddressIn = Annotated[str, StringConstraints(min_length=1, max_length=320), Field(examples=["ada@example.com"])]
PasswordIn = Annotated[SecretStr, Field(min_length=1, examples=["correct horse battery staple"])]


LocaleIn = Annotated[str, AfterValidator(read_locale), Field(examples=["de-AT"])]


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    """Whether this is an id in its canonical form: one id has one spelling."""
    return _ID.fullmatch(text) is not None


def _read_id(value: object) -> UUID:
    """Raises ValueError for what is not an id."""
    if not (isinstance(value, str) and is_id(value)):
        message = "Must be an id, in lower case."
        raise ValueError(message)
    return UUID(value)


IdIn = Annotated[UUID, BeforeValidator(_read_id)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=500), Field(examples=["Lost her phone, identity checked."])
]


def printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        message = "Must be printable text in one line."
        raise ValueError(message)
    return text


EventTypeOut = Annotated[
    str, Field(description="What happened. More types may come with later versions.", examples=["login.succeeded"])
]


async def context_of(request: Request) -> RequestContext:
    return RequestContext(request.app.state.clock.now(), requester_of(request.scope))


FromRequest = Annotated[RequestContext, Depends(context_of)]
