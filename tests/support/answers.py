"""What every answer must look like, whatever it says, and words that no text may hold."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

# Shorter ones, such as a role or a digit, may stand in a response by accident.
_SHORTEST_ECHO = 6


def granted(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer that went well."""
    assert answer.status_code == status, answer.text
    has_common_headers(answer)
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refused request, which repeats nothing that was sent."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    has_common_headers(answer)
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.keys() >= {"type", "title", "status", "detail", "code", "request_id"}
    assert body["type"] == f"urn:twokeys:problem:{code}"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    if status in {429, 503}:
        assert int(answer.headers["retry-after"]) >= 1
    if code == "invalid_token":
        assert answer.headers["www-authenticate"] == "Bearer"
    if code == "invalid_request":
        assert body["errors"]
        assert all(error.keys() == {"pointer", "message"} for error in body["errors"])
    for value in _sent(answer.request):
        assert value not in answer.text, f"{value!r} comes back"
    return body


def has_common_headers(answer: httpx.Response) -> None:
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


def moment(text: str) -> datetime:
    """Reads a time as the API writes it: RFC 3339, UTC."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text).astimezone(UTC)


def _sent(request: httpx.Request) -> Iterator[str]:
    """Every text value of the body, and the bearer token."""
    yield from (part for part in request.headers.get("authorization", "").split()[1:] if len(part) >= _SHORTEST_ECHO)
    try:
        body = json.loads(request.content)
    except (ValueError, RecursionError):
        return
    yield from _texts(body)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= _SHORTEST_ECHO:
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


# A word of these characters alone may stand in hexadecimal or base64: "ada" does in two of 25 dumps.
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]*")
_LONG = 8


def can_appear_by_chance(word: str) -> bool:
    return len(word) < _LONG and _RANDOM.fullmatch(word) is not None


def must_not_hold(text: str, *words: str) -> None:
    """Ignores case. The text must not be empty, and no word one that could turn up by chance."""
    assert text.strip(), "there is nothing to look through"
    assert words
    for word in words:
        assert not can_appear_by_chance(word), f"{word!r} is too short to look for"
        assert word.lower() not in text.lower(), word
