"""What an endpoint takes, read from a request.

FastAPI describes it (`Dependant`) and could read it as well; what it does for that at each request took a third of the
time of a check (docs/evidence/performance.md). Read here are dependencies that are coroutines, parameters of path and
query, and the request.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast

from fastapi import Request
from fastapi.datastructures import QueryParams
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from pydantic import BeforeValidator

from app.http.problems import pointer_to
from app.kernel.refusal import FieldError

_Call = Callable[..., Awaitable[Any]]
_Errors = list[Any]


def check_query(request: Request, known: frozenset[str] = frozenset()) -> None:
    """Raises FieldError for an unknown or a repeated parameter: a slip in `acr` must not let everybody in."""
    if not request.scope["query_string"]:
        return
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise FieldError(pointer_to(("query", name)), "There is no such parameter here.")
        if name in seen:
            raise FieldError(f"/{name}", "This parameter stands twice.")
        seen.add(name)


def _read_digits(text: str) -> str:
    """Raises ValueError for what pydantic takes besides: `1.0`, `+1`, `1_0` and digits of other scripts."""
    if not (text.isascii() and text.isdigit()):
        message = "Must be a whole number in digits."
        raise ValueError(message)
    return text


def _read_truth(text: str) -> str:
    """Raises ValueError for what pydantic takes besides, such as `1`, `on` and `y`."""
    if text not in {"true", "false"}:
        message = "Must be `true` or `false`."
        raise ValueError(message)
    return text


IN_DIGITS = BeforeValidator(_read_digits)
"""Behind the bounds of an integer, so that the document tells them."""
QueryBool = Annotated[bool, BeforeValidator(_read_truth)]


def can_read(dependant: Dependant) -> bool:
    """Whether it takes nothing else: no body, header or cookie, no response to write to."""
    others = (
        dependant.body_params,
        dependant.header_params,
        dependant.cookie_params,
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.http_connection_param_name,
        dependant.security_scopes_param_name,
    )
    return not any(others) and all(map(can_read, dependant.dependencies))


class Parameters:
    """In the order in which FastAPI reads: dependencies first, each with its own parameters; then path and query."""

    def __init__(self, dependant: Dependant) -> None:
        self._dependencies = [
            (each.name, cast("_Call", each.call), Parameters(each)) for each in dependant.dependencies
        ]
        self._path, self._query = dependant.path_params, dependant.query_params
        self._without_query = request_params_to_args(self._query, QueryParams())
        self._request = dependant.request_param_name

    async def read(self, request: Request, errors: _Errors) -> dict[str, Any]:
        """Arguments by name. Adds what is wrong to `errors`. Raises what the dependencies raise."""
        values: dict[str, Any] = {}
        for name, call, parameters in self._dependencies:
            wrong: _Errors = []
            arguments = await parameters.read(request, wrong)
            if wrong:
                errors += wrong
                continue
            value = await call(**arguments)
            if name is not None:
                values[name] = value
        for found, wrong in (self._from_path(request), self._from_query(request)):
            values |= found
            errors += wrong
        if self._request is not None:
            values[self._request] = request
        return values

    def _from_path(self, request: Request) -> tuple[dict[str, Any], _Errors]:
        return request_params_to_args(self._path, request.path_params) if self._path else ({}, [])

    def _from_query(self, request: Request) -> tuple[dict[str, Any], _Errors]:
        if not request.scope["query_string"]:
            return self._without_query
        return request_params_to_args(self._query, request.query_params)
