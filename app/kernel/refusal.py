"""Refusals, by kind. A module names what is true; `http/problems.py` alone knows statuses."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, get_origin

from pydantic import Field


@dataclass(eq=False)
class Refusal(Exception):
    """An answer that is not a yes, raised by a service and never caught by a route.

    `code` is its name in the API, and `title` is for people. A field whose type is annotated is a further member of the
    problem document. None ever holds a value that the caller sent.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    detail: str = ""

    def __post_init__(self) -> None:
        self.detail = self.detail or self.title

    def __str__(self) -> str:
        return self.detail

    @property
    def members(self) -> Mapping[str, object]:
        found = {name: getattr(self, name) for name, _, _ in self.documented_members()}
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def documented_members(cls) -> Iterator[tuple[str, Any, bool]]:
        """Name, annotated type, and whether it is always there."""
        for each in fields(cls):
            if get_origin(each.type) is Annotated:
                yield each.name, each.type, each.default is MISSING


@dataclass(eq=False, kw_only=True)
class StepUp(Refusal):
    """Proved by too little, or too long ago: what would do (RFC 9470 §3)."""

    acr_values: str | None = None
    max_age: Annotated[
        int | None, Field(description="With `reauthentication_required`: how old a proof may be, in seconds.")
    ] = None


class NotAuthenticated(Refusal):
    """The caller has not proved who it is."""


class BearerRefused(NotAuthenticated):
    """… and could, with a bearer token."""


class ClientRefused(NotAuthenticated):
    """… and could, with a client id and secret."""


class NotAllowed(Refusal):
    """The caller is known, and this is not for it, or a second proof failed."""


class Missing(Refusal):
    """There is no such thing, or none that the caller may know of."""


class Conflict(Refusal):
    """The thing is not in a state in which this could be done."""


class Gone(Refusal):
    """It was there once and can't be used any more."""


class Unacceptable(Refusal):
    """What was sent is well-formed and will not do."""


@dataclass(eq=False, kw_only=True)
class Delayed(Refusal):
    """Not now. `retry_after` says in whole seconds when to ask again."""

    retry_after: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self.retry_after = max(1, self.retry_after)


class Malformed(Refusal):
    """What was sent is not what the protocol asks for."""


class TooMany(Delayed):
    """A limit bites."""


class Unavailable(Delayed):
    """Nothing was done, or nobody knows. Asking again is safe."""

    code = "unavailable"
    title = "The service can't answer just now. Nothing is lost; ask again."


class Overloaded(Unavailable):
    """More work waits than can be done in good time."""

    code = "overloaded"
    title = "The service is busy. Nothing was done; ask again."


class NotFound(Missing):
    code = "not_found"
    title = "There is no such thing here."


class InvalidToken(BearerRefused):
    """Also what the loser of a race is told: a moment later its token would have been dead on arrival."""

    code = "invalid_token"
    title = "The token is missing, malformed or no longer alive."


class SessionRequired(NotAllowed):
    code = "session_required"
    title = "A personal token may not do this; log in."


class TooManyAttempts(TooMany):
    """Too many wrong passwords or codes."""

    code = "too_many_attempts"
    title = "Too many attempts. Wait, then try again."


class RateLimited(TooMany):
    code = "rate_limited"
    title = "Too many requests from this address. Wait, then try again."


class FieldError(Exception):
    """A value has the wrong shape. `message` never repeats the value; `pointer` is a JSON pointer (RFC 6901)."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message
