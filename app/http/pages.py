"""Lists as pages: cursors in, cursors out."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from app.http.parameters import IN_DIGITS
from app.http.schemas import ResponseModel
from app.kernel.page import PageOf
from app.kernel.refusal import FieldError

Item = TypeVar("Item")
Out = TypeVar("Out")


_CHECK_BYTES = 8


def _check(listing: str, after: UUID) -> bytes:
    """Tells a cursor of this list from one of another, and from one that was edited.

    It guards nothing: what a page shows depends on who asks.
    """
    return hashlib.sha256(b"twokeys cursor" + after.bytes + listing.encode()).digest()[:_CHECK_BYTES]


def write_cursor(listing: str, after: UUID) -> str:
    return base64.urlsafe_b64encode(after.bytes + _check(listing, after)).decode()


def read_cursor(listing: str, cursor: str) -> UUID:
    """Raises FieldError for a cursor that is not of this list."""
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        after = UUID(bytes=raw[:-_CHECK_BYTES])
    except ValueError:
        after = None
    if after is None or write_cursor(listing, after) != cursor:
        raise FieldError("/cursor", "This cursor is not one of this list.")
    return after


class PageQuery(BaseModel):
    listing: str
    """Which list it is a page of."""
    after: UUID | None
    limit: int

    def next_cursor(self, page: PageOf[Any]) -> str | None:
        return write_cursor(self.listing, page.next_after) if page.next_after else None


def _listing_of(request: Request) -> str:
    """The path and what the list is filtered by, in whatever order."""
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in {"limit", "cursor"})
    return f"{request.scope['path']}?{urlencode(filters)}"


async def _page(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=200), IN_DIGITS, Query()] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before.")] = None,
) -> PageQuery:
    listing = _listing_of(request)
    return PageQuery(listing=listing, after=read_cursor(listing, cursor) if cursor is not None else None, limit=limit)


PageParams = Annotated[PageQuery, Depends(_page)]


NextCursor = Annotated[
    str | None, Field(description="Null on the last page.", examples=[write_cursor("", UUID(int=0))])
]


class Page(ResponseModel, Generic[Out]):
    items: Sequence[Out]
    next_cursor: NextCursor

    @classmethod
    def of(cls, query: PageQuery, page: PageOf[Item], show: Callable[[Item], Out]) -> "Page[Out]":
        return cls(items=[show(item) for item in page.items], next_cursor=query.next_cursor(page))
