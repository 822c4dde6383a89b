"""JSON as strictly as its RFC, and the content type that it must come under."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response, params
from fastapi.routing import APIRoute

from app.http.problems import MalformedRequest, WrongContentType
from app.kernel.refusal import FieldError


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with one name twice means two things to two readers (RFC 8259 §4)."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _check_text(value: Any, pointer: str) -> None:
    """Neither Postgres nor UTF-8 takes these, so they are refused at the door."""
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


def read_json(body: bytes) -> Any:
    """Raises MalformedRequest for what is not JSON, FieldError for text that can't be kept."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique)
        if b"\\u" in body:
            _check_text(value, "")
    except (ValueError, RecursionError):
        raise MalformedRequest from None
    return value


class _StrictRequest(Request):
    async def json(self) -> Any:
        return read_json(await self.body())


class StrictRoute(APIRoute):
    """A route that takes JSON under `application/json`, or a form under its own type, and nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        field = self.body_field
        if field is None:
            return handle
        wanted = "application/json"
        if isinstance(field.field_info, params.Form):
            wanted = "application/x-www-form-urlencoded"

        async def handle_strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            if await strict.body():
                given = strict.headers.get("content-type", "").partition(";")[0].strip().lower()
                if given != wanted:
                    raise WrongContentType(f"This call takes {wanted}.")
                # Read here, since FastAPI would turn our refusal into a bare 400, and takes a null for no body.
                if wanted == "application/json" and read_json(await strict.body()) is None:
                    raise FieldError("", "Must be an object.")
            return await handle(strict)

        return handle_strictly
