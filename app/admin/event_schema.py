"""The JSON Schema of all events, from what the code says of them."""

from collections.abc import Mapping
from typing import Any

from app.admin.schemas import AnyEvent
from app.audit.details import DETAILS, MEMBERS
from app.audit.domain import EventType


def event_schema() -> Mapping[str, Any]:
    """As `GET /v1/admin/events` and `twokeys events` write them. More types and members may come."""
    common: dict[str, Any] = AnyEvent.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Twokeys event",
        "description": "Consumers ignore types and members that they do not know: more may come.",
        "oneOf": [{"$ref": f"#/$defs/{type.value}"} for type in EventType],
        "$defs": {type.value: _of_type(type, common) for type in EventType},
    }


def _of_type(type: EventType, common: Mapping[str, Any]) -> Mapping[str, Any]:
    details: dict[str, Any] = {"type": "object", "properties": {name: MEMBERS[name] for name in DETAILS[type]}}
    own = {"type": {"const": type.value}, "details": details}
    properties = {name: own.get(name) or _plain(schema) for name, schema in common["properties"].items()}
    return {"type": "object", "properties": properties, "required": common["required"]}


def _plain(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in schema.items() if name not in {"title", "examples"}}
