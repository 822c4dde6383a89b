"""Lines of JSON, for bodies that are read and written piece by piece."""

import json
import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request

NDJSON = "application/x-ndjson"
# RFC 9110 §12.4.2
_UNWANTED = re.compile(r"q=0(\.0{0,3})?")


def write_line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines_of(description: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """For the OpenAPI document, as a content of a request or response."""
    line = write_line(example).decode()
    schema = {"type": "string", "description": description, "examples": [line]}
    return {NDJSON: {"schema": schema, "example": line}}


def accepts(request: Request, media_type: str) -> bool:
    """Whether a header `Accept` names this type, as one that is wanted."""
    for offer in ",".join(request.headers.getlist("accept")).lower().split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == media_type:
            return not any(map(_UNWANTED.fullmatch, parameters))
    return False
