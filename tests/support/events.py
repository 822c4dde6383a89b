"""Holds every event that a test left behind against the schema of all events."""

import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS31Validator

from app.admin.schemas import AnyEvent
from app.audit.domain import EventFilter
from app.kernel.refusal import Unavailable
from app.services import Services

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
