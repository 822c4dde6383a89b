"""The one place that asks what time it is; everywhere else time is an argument."""

import re
from datetime import UTC, datetime
from typing import Protocol

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """As times stand in JSON: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_rfc3339(value: object) -> datetime:
    """In UTC. Raises ValueError."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        message = "Must be a time as RFC 3339 writes it, with its offset from UTC."
        raise ValueError(message)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        message = "There is no such time."
        raise ValueError(message) from None
