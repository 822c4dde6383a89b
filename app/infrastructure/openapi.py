"""The OpenAPI document: what FastAPI writes, mended where it would mislead a generated client."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.infrastructure.problems import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    MalformedRequest,
    TooSlow,
    WrongContentType,
    refuses,
)
from app.infrastructure.wire import Problem
from app.kernel.refusal import Unavailable

VERSION = "1.0.0"
_DESCRIPTION = """Log-in, TOTP two-factor authentication and password reset as a service.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Times are RFC 3339 UTC strings, lifetimes whole
seconds, ids UUIDv7. Every answer carries `X-Request-Id`. **Whenever the way an account proves itself changes, every
token, challenge and open reset link that it had dies at once.**
"""
_METHODS = ("get", "post", "patch", "delete")
# A reader's order; the routes themselves stand in the order in which they are asked for.
_CHAPTERS = (
    "Log in",
    "Account",
    "Two-factor authentication",
    "Lost device",
    "Authentication tokens",
    "For other services",
    "Administration",
    "Operations",
)


def describe(app: FastAPI) -> None:
    app.version = VERSION
    app.summary = "Two-factor authentication done right"
    app.description = _DESCRIPTION
    app.license_info = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    _name_operations(app)
    write = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _mended(write())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _name_operations(app: FastAPI) -> None:
    """The function's name makes a good method name in a generated client."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name


def _mended(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    # FastAPI's own 422 is never sent.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["paths"] = dict(sorted(document["paths"].items(), key=_chapter))
    schemes = document["components"]["securitySchemes"]
    document["components"]["securitySchemes"] = dict(sorted(schemes.items()))
    for path in document["paths"].values():
        for method in _METHODS:
            if method in path:
                _mend_operation(path[method])
    return document


def _chapter(path: tuple[str, dict[str, Any]]) -> int:
    operation = next(iter(path[1].values()))
    return _CHAPTERS.index(operation["tags"][0])


def _mend_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    own = responses.pop("422", None)
    usual: list[Any] = [InternalError, Unavailable]
    if "requestBody" in operation:
        usual += [BodyTooLarge, WrongContentType, TooSlow, MalformedRequest]
    if "requestBody" in operation or operation.get("parameters"):
        usual.append(InvalidRequest)
    for status, response in refuses(*usual).items():
        _merge(responses, str(status), response)
    if own is not None and "application/problem+json" in own.get("content", {}):
        _merge(responses, "422", own)
    for status in ("429", "503"):
        if status in responses:
            seconds = {"description": "Seconds to wait.", "schema": {"type": "integer"}, "required": True}
            responses[status].setdefault("headers", {})["Retry-After"] = seconds
    operation["responses"] = dict(sorted(responses.items()))


def _merge(responses: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    """Two lists of problems under one status become one."""
    if status not in responses:
        responses[status] = response
        return
    present = responses[status]
    examples = response["content"]["application/problem+json"]["examples"]
    known = present["content"]["application/problem+json"].setdefault("examples", {})
    new = {code: example for code, example in examples.items() if code not in known}
    if new:
        known.update(new)
        present["description"] = f"{present['description']}\n\n{response['description']}"
