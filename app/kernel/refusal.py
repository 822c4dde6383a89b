"""Refusals, by kind. A module names what is true; `http/problems.py` alone knows statuses."""

from collections.abc import Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """An answer that is not a yes, raised by a service and never caught by a route.

    `code` is its name in the API, `title` is for people, and `members` are the further members that the
    OpenAPI document names for this code. None of them ever holds a value that the caller sent.
    """

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.members = members


class StepUp(Refusal):
    """Proved by too little, or too long ago; `requirements` say what would do (RFC 9470 §3)."""

    def __init__(self, detail: str | None = None, *, requirements: Mapping[str, str], **members: Any) -> None:
        super().__init__(detail, **members)
        self.requirements = requirements


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


class Delayed(Refusal):
    """Not now. `retry_after` says in whole seconds when to ask again."""

    def __init__(self, detail: str | None = None, *, retry_after: int, **members: Any) -> None:
        super().__init__(detail, **members)
        self.retry_after = max(1, retry_after)


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
