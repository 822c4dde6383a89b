"""The shapes and habits that the JSON of all rooms shares."""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, StringConstraints

from app.infrastructure.http import origin_of
from app.kernel.clock import rfc3339
from app.kernel.origin import Origin
from app.kernel.page import PageOf
from app.kernel.refusal import FieldError

Item = TypeVar("Item")
Shown = TypeVar("Shown")

_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{24}")


class Body(BaseModel):
    """What comes in: unknown fields are refused, and no type is turned into another."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True)


class Problem(BaseModel):
    """RFC 9457. Some codes add members: `errors`, `attempts_remaining`, `clock_skew_seconds`, `server_time`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""RFC 3339, UTC, to the millisecond."""

GivenAddress = Annotated[str, StringConstraints(min_length=1, max_length=320), Field(examples=["ada@example.com"])]
GivenPassword = Annotated[SecretStr, Field(min_length=1, examples=["correct horse battery staple"])]


def _is_code(text: str) -> str:
    """Raises ValueError for what is neither six ASCII digits nor a recovery code."""
    if not (_CODE.fullmatch(text) or _RECOVERY_CODE.fullmatch(plain_recovery_code(text))):
        message = "Must be six digits, or a recovery code."
        raise ValueError(message)
    return text


def plain_recovery_code(text: str) -> str:
    """Case and dashes do not matter. Outside ASCII there are letters whose capital is an ASCII one."""
    return text.replace("-", "").upper() if text.isascii() else ""


GivenCode = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_code), Field(examples=["123456"])]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=500), Field(examples=["Lost her phone, identity checked."])
]


def printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        message = "Must be printable text in one line."
        raise ValueError(message)
    return text


def request_origin(request: Request) -> Origin:
    return origin_of(request.scope)


async def _origin(request: Request) -> Origin:
    return request_origin(request)


FromOrigin = Annotated[Origin, Depends(_origin)]


_CHECK_BYTES = 8


def _check(after: UUID) -> bytes:
    """Tells a cursor of ours from one that was edited. It guards nothing: what a page shows depends on who asks."""
    return hashlib.sha256(b"twokeys cursor" + after.bytes).digest()[:_CHECK_BYTES]


def write_cursor(after: UUID) -> str:
    return base64.urlsafe_b64encode(after.bytes + _check(after)).decode()


def read_cursor(cursor: str) -> UUID:
    """Raises FieldError for a cursor that is not ours."""
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        after = UUID(bytes=raw[:-_CHECK_BYTES])
    except ValueError:
        after = None
    if after is None or write_cursor(after) != cursor:
        raise FieldError("/cursor", "This cursor is not one of ours.")
    return after


class PageAsked(BaseModel):
    after: UUID | None
    limit: int


async def _page(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
) -> PageAsked:
    return PageAsked(after=read_cursor(cursor) if cursor is not None else None, limit=limit)


AskedPage = Annotated[PageAsked, Depends(_page)]


class Page(Answer, Generic[Shown]):
    items: Sequence[Shown]
    next_cursor: str | None

    @classmethod
    def of(cls, page: PageOf[Item], show: Callable[[Item], Shown]) -> "Page[Shown]":
        return cls(
            items=[show(item) for item in page.items],
            next_cursor=write_cursor(page.next_after) if page.next_after else None,
        )
