"""Lists as pages: cursors in, cursors out."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import (
    BaseModel,
    Field,
)

from app.http.schemas import ResponseModel
from app.kernel.page import PageOf
from app.kernel.refusal import FieldError

Item = TypeVar("Item")
Out = TypeVar("Out")


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


class PageQuery(BaseModel):
    after: UUID | None
    limit: int


async def _page(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
) -> PageQuery:
    return PageQuery(after=read_cursor(cursor) if cursor is not None else None, limit=limit)


PageParams = Annotated[PageQuery, Depends(_page)]


NextCursor = Annotated[str | None, Field(description="Null on the last page.", examples=[write_cursor(UUID(int=0))])]


def next_cursor_of(page: PageOf[Item]) -> str | None:
    return write_cursor(page.next_after) if page.next_after else None


class Page(ResponseModel, Generic[Out]):
    items: Sequence[Out]
    next_cursor: NextCursor

    @classmethod
    def of(cls, page: PageOf[Item], show: Callable[[Item], Out]) -> "Page[Out]":
        return cls(items=[show(item) for item in page.items], next_cursor=next_cursor_of(page))
