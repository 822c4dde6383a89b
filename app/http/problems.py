"""RFC 9457 problems: the one place that turns the kinds of refusal into HTTP statuses."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from app.database.errors import error_name
from app.http.refusals import InternalError, InvalidRequest, MalformedRequest, MethodNotAllowed
from app.kernel.clock import rfc3339
from app.kernel.refusal import (
    BearerRefused,
    ClientRefused,
    Conflict,
    Delayed,
    FieldError,
    Gone,
    Malformed,
    Missing,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    Refusal,
    StepUp,
    TooMany,
    Unacceptable,
    Unavailable,
)

_log = structlog.get_logger("twokeys.request")
MEDIA_TYPE = "application/problem+json"
_STATUS_OF_KIND: dict[type[Refusal], int] = {
    BearerRefused: 401,
    ClientRefused: 401,
    NotAuthenticated: 401,
    NotAllowed: 403,
    Malformed: 400,
    Missing: 404,
    Conflict: 409,
    Gone: 410,
    Unacceptable: 422,
    TooMany: 429,
    Unavailable: 503,
}
# A field's name is repeated only where it looks like one of a programmer's, not like something pasted.
_FIELD_NAME = re.compile(r"[a-z_]{1,40}")
_Location = tuple[str | int, ...]
# Of a member that may be null, pydantic says this beside what is wrong with the value.
_NO_NULL = "none_required"
_MESSAGES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field here.",
    "string_unicode": "Must be valid Unicode text.",
}


def status_of(refusal: type[Refusal]) -> int:
    """Raises LookupError for a refusal of no kind."""
    if issubclass(refusal, MalformedRequest):
        return refusal.status
    if refusal is InvalidRequest:
        return 422
    if refusal is InternalError:
        return 500
    return next(status for kind, status in _STATUS_OF_KIND.items() if issubclass(refusal, kind))


def _challenge(status: int, refusal: Refusal) -> dict[str, str]:
    if isinstance(refusal, StepUp):
        wanted = {
            "error": "insufficient_user_authentication",
            "acr_values": refusal.acr_values,
            "max_age": refusal.max_age,
        }
        named = ", ".join(f'{name}="{value}"' for name, value in wanted.items() if value is not None)
        return {"WWW-Authenticate": f"Bearer {named}"}
    if status != 401 or not isinstance(refusal, BearerRefused | ClientRefused):  # noqa: PLR2004
        return {}
    return {"WWW-Authenticate": "Bearer" if isinstance(refusal, BearerRefused) else "Basic"}


def problem(
    request_id: str, status: int, refusal: Refusal, *, headers: dict[str, str] | None = None, **members: Any
) -> JSONResponse:
    body = {
        "type": f"urn:twokeys:problem:{refusal.code}",
        "title": refusal.title,
        "status": status,
        "detail": refusal.detail,
        "code": refusal.code,
        "request_id": request_id,
        **{name: rfc3339(fact) if isinstance(fact, datetime) else fact for name, fact in refusal.members.items()},
        **members,
    }
    all_headers = dict(headers or {}) | _challenge(status, refusal)
    if isinstance(refusal, Delayed):
        all_headers["Retry-After"] = str(refusal.retry_after)
    return JSONResponse(body, status, all_headers, media_type=MEDIA_TYPE)


def pointer_to(location: _Location) -> str:
    """A JSON pointer (RFC 6901) to the field, as far as its names are ours or harmless."""
    steps: list[str] = []
    for step in location[1:]:
        # A number is a place in a list; digits that came as a name may be a code, or the number of a card.
        if isinstance(step, str) and not _FIELD_NAME.fullmatch(step):
            break
        steps.append(str(step))
    return "".join(f"/{step}" for step in steps)


def field_errors(error: RequestValidationError) -> list[dict[str, str]]:
    """What is wrong where, without a value: pydantic's own messages repeat parts of some."""
    items = error.errors()
    optional = [tuple(item["loc"])[:-1] for item in items if item["type"] == _NO_NULL]
    found = []
    for item in items:
        kind = str(item["type"])
        own = str(item["msg"]).removeprefix("Value error, ")
        if kind != _NO_NULL:
            location = _without_type(tuple(item["loc"]), optional)
            found.append({"pointer": pointer_to(location), "message": _MESSAGES.get(kind, own)})
    return found


def _without_type(location: _Location, optional: Sequence[_Location]) -> _Location:
    """Without the name that pydantic gives to one of the types that an optional member may have."""
    for member in optional:
        if location[: len(member)] == member:
            return (*member, *location[len(member) + 1 :])
    return location


def problem_for(
    scope: Scope, refusal: Refusal, *, headers: dict[str, str] | None = None, **members: Any
) -> JSONResponse:
    """The answer to this request, whether or not it has come as far as a route."""
    state = scope["state"]
    if state["speaks_oauth"]:
        members["error"] = _oauth_error(refusal)
    return problem(state["request_id"], status_of(type(refusal)), refusal, headers=headers, **members)


async def _on_refusal(request: Request, refusal: Exception) -> JSONResponse:
    assert isinstance(refusal, Refusal)  # noqa: S101 - Starlette's handlers take any exception
    if refusal.__cause__ is not None and isinstance(refusal, Unavailable):
        request_id = request.scope["state"]["request_id"]
        _log.warning("unavailable", fault=error_name(refusal.__cause__), request_id=request_id)
    return problem_for(request.scope, refusal)


def _oauth_error(refusal: Refusal) -> str:
    """RFC 6749 §5.2 and §4.1.2.1 name these few; the rest are requests that can't be met."""
    if isinstance(refusal, ClientRefused):
        return "invalid_client"
    if isinstance(refusal, Unavailable):
        return "temporarily_unavailable"
    if isinstance(refusal, InternalError):
        return "server_error"
    return "unauthorized_client" if isinstance(refusal, NotAllowed) else "invalid_request"


async def _on_field_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FieldError)  # noqa: S101
    return problem_for(request.scope, InvalidRequest(), errors=[{"pointer": error.pointer, "message": error.message}])


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    if any(item["loc"][:1] == ("path",) for item in error.errors()):
        return problem_for(request.scope, NotFound())
    return problem_for(request.scope, InvalidRequest(), errors=field_errors(error))


def _allowed_methods(request: Request) -> str:
    """All that the path takes (RFC 9110 §10.2.1); the framework names those of the first route that it found."""
    fits = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    if "GET" in fits:
        fits.insert(fits.index("GET") + 1, "HEAD")
    return ", ".join(fits)


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    refusal: Refusal = {404: NotFound, 405: MethodNotAllowed, 400: MalformedRequest}.get(
        error.status_code, InternalError
    )()
    headers = dict(error.headers or {})
    if isinstance(refusal, MethodNotAllowed):
        headers["Allow"] = _allowed_methods(request)
    return problem_for(request.scope, refusal, headers=headers)


# Each is a coroutine, though it waits for nothing: Starlette takes a plain function to a thread, and a flood of
# refusals would queue there, behind the hashes.
_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
    Refusal: _on_refusal,
    FieldError: _on_field_error,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
}
REFUSALS = tuple(_HANDLERS)


def answer_with_problems(app: FastAPI) -> None:
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def answer_refusal(request: Request, refusal: Exception) -> JSONResponse:
    """What the application answers to one of REFUSALS, for a route that is called past it."""
    handler = next(handler for kind, handler in _HANDLERS.items() if isinstance(refusal, kind))
    return await handler(request, refusal)


def refuses(*refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: each status with every problem that the call can answer with."""
    responses: dict[int | str, dict[str, Any]] = {}
    for refusal in sorted(set(refusals), key=lambda each: (status_of(each), each.code)):
        status = status_of(refusal)
        entry = responses.setdefault(
            status, {"description": "", "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        )
        line = f"`{refusal.code}`: {refusal.title}"
        entry["description"] = f"{entry['description']}\n\n{line}".strip()
        examples = entry["content"][MEDIA_TYPE].setdefault("examples", {})
        examples[refusal.code] = {
            "value": {
                "type": f"urn:twokeys:problem:{refusal.code}",
                "title": refusal.title,
                "status": status,
                "detail": refusal.title,
                "code": refusal.code,
                "request_id": "0199f3c2a8b17d0e9c54f1a2b3c4d5e6",
                **{
                    name: kind.__metadata__[0].examples[0]
                    for name, kind, always in refusal.documented_members()
                    if always
                },
            }
        }
    return responses
