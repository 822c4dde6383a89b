"""Requests read strictly: JSON as its RFC says, its content type, the query, the ids in a path."""

import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, cast

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params, request_body_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import TypeAdapter

from app.http.authorization import has_two_authorizations
from app.http.parameters import Parameters, can_read, check_query
from app.http.refusals import MalformedRequest, WrongContentType
from app.http.schemas import is_id
from app.kernel.refusal import FieldError, InvalidToken, NotFound, SessionRequired

_MOST_NAMES = 100
_LONGEST_POINTER = 200
_DEEPEST = 64
_OK, _NO_CONTENT = 200, 204
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with one name twice means two things to two readers (RFC 8259 §4).

    Raises ValueError, and FieldError for very many names: each unknown one would be complained about.
    """
    if len(pairs) > _MOST_NAMES:
        raise FieldError("", f"An object has at most {_MOST_NAMES} names.")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _check_text(value: Any, pointer: str) -> None:
    """Neither Postgres nor UTF-8 takes these, so they are refused at the door."""
    # Nested deeply, each of many long names would be copied many times.
    pointer = pointer[:_LONGEST_POINTER]
    if isinstance(value, str):
        if "\0" in value:
            raise FieldError(pointer, "Must not contain a NUL character.")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise FieldError(pointer, "Must be valid Unicode text.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key, pointer)
            _check_text(inner, f"{pointer}/{key}" if key.isidentifier() and key.islower() else pointer)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text(inner, f"{pointer}/{index}")


def _check_depth(value: Any, levels: int = _DEEPEST) -> None:
    """Raises RecursionError, as `json` does after 1,000 to 10,000 levels, by the version of Python."""
    if isinstance(value, dict | list):
        if levels == 0:
            raise RecursionError
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, levels - 1)


def read_json(body: bytes) -> Any:
    """Raises MalformedRequest for what is not JSON, FieldError for text that can't be kept."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique)
        if body.count(b"{") + body.count(b"[") > _DEEPEST:
            _check_depth(value)
        if b"\\u" in body:
            _check_text(value, "")
    except (ValueError, RecursionError):
        raise MalformedRequest from None
    return value


def _takes_proof(dependant: Dependant) -> bool:
    # FastAPI's types have functions alone here.
    call: object = dependant.call
    return isinstance(call, SecurityBase) or any(map(_takes_proof, dependant.dependencies))


async def _check_query(request: Request, known: frozenset[str], parameters: Parameters) -> None:
    """Raises FieldError, and for callers without a good proof what the dependencies raise."""
    try:
        check_query(request, known)
    except FieldError:
        # What is wrong with the query is said before what the token may not do.
        with suppress(SessionRequired):
            await parameters.read(request, [])
        raise


class _StrictRequest(Request):
    async def json(self) -> Any:
        return read_json(await self.body())


class StrictRoute(APIRoute):
    """A route that takes JSON under `application/json`, or a form under its own type, and nothing else.

    Its query has the parameters that it names, each once; a parameter in its path is an id in the form that we print.
    """

    checks_query = True
    """Or the endpoint does, where it is the one that finds out who asks."""

    def get_route_handler(self) -> Handler:
        handle = self._direct() if self.is_direct else self._with_strict_body(super().get_route_handler())
        fields = get_flat_params(self.dependant)
        known = frozenset(field.alias for field in fields if isinstance(field.field_info, params.Query))
        takes_proof = _takes_proof(self.dependant)
        parameters = Parameters(self.dependant)

        async def handle_strictly(request: Request) -> Response:
            if not all(map(is_id, request.path_params.values())):
                raise NotFound
            # Whoever takes a proof refuses two of them with a challenge of its own.
            if not takes_proof and has_two_authorizations(request.scope):
                raise InvalidToken
            if self.checks_query:
                await _check_query(request, known, parameters)
            return await handle(request)

        return handle_strictly

    @property
    def is_direct(self) -> bool:
        """Whether nothing of FastAPI runs at a request: it documents this route, and we answer."""
        return self.body_field is None and can_read(self.dependant)

    def _direct(self) -> Handler:
        parameters, write = Parameters(self.dependant), TypeAdapter(self.response_model).dump_json
        endpoint, status = cast("Callable[..., Awaitable[Any]]", self.endpoint), self.status_code or _OK

        async def handle(request: Request) -> Response:
            errors: list[Any] = []
            arguments = await parameters.read(request, errors)
            if errors:
                raise RequestValidationError(errors)
            answer = await endpoint(**arguments)
            if isinstance(answer, Response):
                return answer
            body = b"" if status == _NO_CONTENT else write(answer, by_alias=True)
            return Response(body, status, media_type="application/json")

        return handle

    def _with_strict_body(self, handle: Handler) -> Handler:
        field = self.body_field
        if field is None:
            return handle
        wanted = "application/json"
        if isinstance(field.field_info, params.Form):
            wanted = "application/x-www-form-urlencoded"

        async def handle_body(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            value = None
            if body := await strict.body():
                content_type = strict.headers.get("content-type", "").partition(";")[0].strip().lower()
                if content_type != wanted:
                    raise WrongContentType(f"This call takes {wanted}.")
                # Read here, since FastAPI would turn our refusal into a bare 400, and takes a null for no body.
                if wanted == "application/json" and (value := read_json(body)) is None:
                    raise FieldError("", "Must be an object.")
            try:
                return await handle(strict)
            except SessionRequired:
                # What is wrong with the body is said before what the token may not do.
                _, errors = await request_body_to_args([field], value, self._embed_body_fields)
                if errors:
                    raise RequestValidationError(errors) from None
                raise

        return handle_body
