"""The OpenAPI document: what FastAPI writes, mended where it would mislead a generated client."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from app.http.examples import example_of
from app.http.problems import MEDIA_TYPE, refuses, status_of
from app.http.refusals import BodyTooLarge, InternalError, InvalidRequest, MalformedRequest, TooSlow, WrongContentType
from app.http.schemas import Problem
from app.kernel.refusal import InvalidToken, Refusal, Unavailable

VERSION = "1.1.0"
_DESCRIPTION = """Log-in, TOTP two-factor authentication and password reset as a service.

Errors are `application/problem+json` (RFC 9457) with a stable `code`. Times are RFC 3339 UTC strings, lifetimes whole
seconds, ids UUIDv7. Every answer carries `X-Request-Id`. **Whenever the way an account proves itself changes, every
token, challenge and open reset link that it had dies at once.**
"""
_TAGS = {
    "For frontends": "The settings that a frontend must know to say true sentences.",
    "Log in": "A password, then a code where two-factor authentication is on.",
    "Account": "Who one is, and what happened to the account.",
    "Two-factor authentication": "Turn it on, turn it off, replace the recovery codes.",
    "Lost device": "A link by mail, and a new password.",
    "Authentication tokens": "Sessions and personal tokens: see them, make one, end them.",
    "For other services": "Whose token is this, is it alive, how was it proved?",
    "Administration": "What operators do, for clients with the role `admin`.",
    "Webhooks": "Other systems are told what happened, by [Standard Webhooks](https://www.standardwebhooks.com).",
    "Operations": "For whoever runs the service.",
}
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_METHODS = ("get", "post", "patch", "delete")
_REQUEST_ID = {
    "description": "Names this request in our log; problems repeat it as `request_id`.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}
_PAGE_NAME = re.compile(r"\bPage[_\[](\w+?)[_\]]")
_SCHEME_OF = {"client": "Basic", "token": "Bearer"}
_OAUTH_ERRORS = {
    "invalid_client": "invalid_client",
    "invalid_request": "invalid_request",
    "unsupported_media_type": "invalid_request",
    "body_too_large": "invalid_request",
    "request_timeout": "invalid_request",
    "insufficient_role": "unauthorized_client",
    "unavailable": "temporarily_unavailable",
}
"""As `problems.py` answers them."""
_FIELD_PROBLEMS = [{"pointer": "/email", "message": "Must be a mail address."}]


def method_name(route: APIRoute) -> str:
    """The function's name makes a good method name in a generated client."""
    return route.name


def describe(app: FastAPI) -> None:
    app.version = VERSION
    app.summary = "Two-factor authentication done right"
    app.description = _DESCRIPTION
    app.license_info = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    app.servers = [{"url": "/", "description": "The service that this document comes from."}]
    app.openapi_tags = [{"name": name, "description": text} for name, text in _TAGS.items()]
    write = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _mended(write())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _mended(document: dict[str, Any]) -> dict[str, Any]:
    components = document["components"]
    schemas = components["schemas"]
    # FastAPI's own 422 is never sent.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    members = problem["properties"] | _members_of(Refusal)
    problem["properties"] = {name: _without_null(member) for name, member in members.items()}
    for member in problem["properties"].values():
        # A member that is not there has no value.
        member.pop("default", None)
    schemas["Problem"] = problem
    components["headers"] = {"X-Request-Id": _REQUEST_ID}
    in_order = list(_TAGS)
    paths = document["paths"]
    document["paths"] = dict(sorted(paths.items(), key=lambda item: in_order.index(_first_tag(item[1]))))
    for operation in _operations(document):
        # Said also where no proof is needed, or a generated client could take it for forgotten.
        operation.setdefault("security", [])
        # A tag of the route's own comes after that of its router, and takes its place.
        operation["tags"] = operation["tags"][-1:]
        _mend_inputs(operation)
        _mend_responses(operation, schemas)
        _add_examples(operation, schemas)
    for schema in schemas.values():
        _describe_defaults(schema)
    return _with_named_pages(document)


def _members_of(refusal: type[Refusal]) -> dict[str, Any]:
    """The schemas of all further members of this kind of refusal."""
    found = {name: TypeAdapter(kind).json_schema() for name, kind, _ in refusal.documented_members()}
    for each in refusal.__subclasses__():
        found |= _members_of(each)
    return found


def _describe_defaults(schema: dict[str, Any]) -> None:
    """In words: a generator may take a field with a default for one that is always there, and want it sent."""
    for name, field in schema.get("properties", {}).items():
        if "default" in field and name not in schema.get("required", ()):
            note = f"Without it: {json.dumps(field.pop('default'))}."
            field["description"] = f"{field['description']} {note}" if "description" in field else note


def _with_named_pages(document: dict[str, Any]) -> dict[str, Any]:
    """`TokenPage` instead of `Page[Token]`, which no language takes for a name."""
    renamed: dict[str, Any] = json.loads(_PAGE_NAME.sub(r"\1Page", json.dumps(document)))
    return renamed


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (path[method] for method in _METHODS if method in path)


def _first_tag(path: Mapping[str, Any]) -> str:
    return str(next(path[method]["tags"][0] for method in _METHODS if method in path))


def _mend_inputs(operation: dict[str, Any]) -> None:
    """What may be left out need not be null as well: a query can't say null, and a body has no use for it."""
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
        # It stands beside the schema already.
        parameter["schema"].pop("description", None)
    for body in operation.get("requestBody", {}).get("content", {}).values():
        body["schema"] = _without_null(body["schema"])


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    kept = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(kept) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    only: dict[str, Any] = kept[0]
    return only if "$ref" in only else only | rest


def _mend_responses(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    responses = operation["responses"]
    own = responses.pop("422", None)
    for status, response in refuses(*_usual(operation)).items():
        _merge(responses, str(status), response)
    if own is not None and MEDIA_TYPE in own.get("content", {}):
        _merge(responses, "422", own)
    for status, response in responses.items():
        _mend_answer(response.get("content", {}).get(_JSON, {}).get("schema", {}), schemas)
        response["headers"] = response.get("headers", {}) | _headers(status, operation)
        for example in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}).values():
            _add_members(example["value"], speaks_oauth=_FORM in _taken(operation))
    operation["responses"] = dict(sorted(responses.items()))


def _mend_answer(schema: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    # Says nothing, and would name a class in a generated client.
    schema.pop("title", None)
    if "anyOf" in schema and all(_has_constant(one, schemas) for one in schema["anyOf"]):
        # Constants tell these apart, so it is never two of them.
        schema["oneOf"] = schema.pop("anyOf")


def _has_constant(reference: Mapping[str, Any], schemas: Mapping[str, Any]) -> bool:
    return any("const" in field for field in schemas[reference["$ref"].rpartition("/")[2]]["properties"].values())


def _taken(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content types of the body."""
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    return content


def _usual(operation: Mapping[str, Any]) -> list[Any]:
    """The problems that every call with such inputs can answer with."""
    usual: list[Any] = [InternalError, Unavailable]
    if _taken(operation):
        usual += [BodyTooLarge, WrongContentType, TooSlow]
    if _JSON in _taken(operation):
        usual += [MalformedRequest, InvalidRequest]
    # An unknown parameter in the query; a malformed id in a path is a 404.
    if "Operations" not in operation["tags"]:
        usual.append(InvalidRequest)
    # Two proofs are refused also where none is needed.
    if not operation["security"]:
        usual.append(InvalidToken)
    return usual


def _merge(responses: dict[str, Any], status: str, response: dict[str, Any]) -> None:
    """Two lists of problems under one status become one."""
    if status not in responses:
        responses[status] = response
        return
    present = responses[status]
    examples = response["content"][MEDIA_TYPE]["examples"]
    known = present["content"][MEDIA_TYPE].setdefault("examples", {})
    new = {code: example for code, example in examples.items() if code not in known}
    if new:
        known.update(new)
        present["description"] = f"{present['description']}\n\n{response['description']}"


def _headers(status: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in {"429", "503"}:
        seconds = {"type": "integer", "minimum": 1}
        headers["Retry-After"] = {"description": "Seconds to wait.", "required": True, "schema": seconds}
    schemes = [name for one in operation.get("security", ()) for name in one]
    if status == "401" and schemes:
        headers["WWW-Authenticate"] = {"required": True, "schema": {"const": _SCHEME_OF[schemes[0]], "type": "string"}}
    return headers


def _add_members(problem: dict[str, Any], *, speaks_oauth: bool) -> None:
    """The members that some codes add."""
    if (problem["code"], problem["status"]) == (InvalidRequest.code, status_of(InvalidRequest)):
        problem["errors"] = _FIELD_PROBLEMS
    if speaks_oauth and problem["code"] in _OAUTH_ERRORS:
        problem["error"] = _OAUTH_ERRORS[problem["code"]]


def _add_examples(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    for body in _taken(operation).values():
        body["example"] = example_of(body["schema"], schemas)
    for response in operation["responses"].values():
        answer = response.get("content", {}).get(_JSON)
        if answer is None:
            continue
        either = answer["schema"].get("oneOf") or answer["schema"].get("anyOf")
        if either is None:
            answer["example"] = example_of(answer["schema"], schemas)
        else:
            answer["examples"] = {one["$ref"].rpartition("/")[2]: {"value": example_of(one, schemas)} for one in either}
