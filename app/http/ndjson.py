"""Lines of JSON, for bodies that are read and written piece by piece."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request

NDJSON = "application/x-ndjson"


def write_line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines_of(description: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """For the OpenAPI document, as a content of a request or response."""
    line = write_line(example).decode()
    schema = {"type": "string", "description": description, "examples": [line]}
    return {NDJSON: {"schema": schema, "example": line}}


def accepts(request: Request, media_type: str) -> bool:
    """Whether a header `Accept` names this type."""
    offers = ",".join(request.headers.getlist("accept")).lower().split(",")
    return media_type in {offer.partition(";")[0].strip() for offer in offers}
