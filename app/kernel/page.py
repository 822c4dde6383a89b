"""Lists are read in pages, newest id first, each page going on below the last id of the one before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

Item = TypeVar("Item")


@dataclass(frozen=True)
class PageOf(Generic[Item]):
    items: Sequence[Item]
    next_after: UUID | None
    """The id below which the next page begins, or None on the last page."""


def cut_page(rows: Sequence[Item], limit: int, key: Callable[[Item], UUID]) -> PageOf[Item]:
    """A page from `limit + 1` rows: the one too many only says that there is more."""
    items = rows[:limit]
    return PageOf(items, key(items[-1]) if len(rows) > limit else None)
