"""Holds every answer that a test gets, and every event that it leaves, against our two documents."""

import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator

from app.admin.schemas import AnyEvent
from app.audit.domain import EventFilter
from app.kernel.refusal import Unavailable
from app.services import Services

_FILE = Path(__file__).resolve().parents[2] / "openapi" / "openapi.json"
# Refused before the call is known, so these belong to no operation.
_ANYWHERE = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    414: "target_too_long",
}


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Those without a parameter first: `revoke-all` is no id."""
    paths = sorted(document()["paths"].items(), key=lambda item: "{" in item[0])
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), methods) for path, methods in paths]


def _operation(request: httpx.Request) -> dict[str, Any] | None:
    for pattern, methods in _paths():
        if pattern.fullmatch(request.url.path):
            found: dict[str, Any] | None = methods.get(request.method.lower())
            return found
    return None


@cache
def _validator(schema: str) -> OAS31Validator:
    return OAS31Validator({**json.loads(schema), "components": document()["components"]})


async def must_be_documented(answer: httpx.Response) -> None:
    """An event hook of an httpx client."""
    await answer.aread()
    operation = _operation(answer.request)
    if operation is None:
        return
    result = f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    # There may be no lines.
    body = answer.text if media_type.endswith("ndjson") else answer.json() if answer.content else None
    if isinstance(body, dict) and body.get("code") == _ANYWHERE.get(answer.status_code, "none"):
        return
    assert str(answer.status_code) in operation["responses"], f"undocumented status: {result}"
    response = operation["responses"][str(answer.status_code)]
    for name, header in response["headers"].items():
        assert name in answer.headers or not header.get("required"), f"no {name}: {result}"
    if "content" not in response:
        assert answer.content == b"", f"undocumented content: {result}"
        return
    assert media_type in response["content"], f"undocumented type {media_type}: {result}"
    content = response["content"][media_type]
    if media_type == "application/problem+json":
        assert isinstance(body, dict)
        assert body["code"] in content["examples"], f"undocumented code: {result}"
    errors = [error.message for error in _validator(json.dumps(content["schema"])).iter_errors(body)]
    assert not errors, f"{errors}: {result}"


SCHEMA = Path(__file__).resolve().parents[2] / "openapi" / "events.schema.json"


@cache
def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    return found


@cache
def _strict(type: str) -> OAS31Validator:
    """Consumers pass over what they do not know; an act of ours says nothing that the schema does not."""
    schema = _definitions()[type]
    details = schema["properties"]["details"] | {"additionalProperties": False}
    return OAS31Validator(schema | {"properties": schema["properties"] | {"details": details}})


def must_fit(event: dict[str, Any]) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in _strict(event["type"]).iter_errors(event)]
    assert not errors, (event["type"], errors)


async def events_must_fit(services: Services) -> None:
    """All that happened, where the test has left a database to ask."""
    with suppress(Unavailable):
        async for batch in services.admin.stream_events(EventFilter()):
            for event in batch:
                must_fit(AnyEvent.of(event).model_dump(mode="json"))
