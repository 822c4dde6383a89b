"""What all responses have in common. Pure ASGI, since each BaseHTTPMiddleware would halve the throughput."""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.client_address import client_address
from app.http.problems import problem_for
from app.http.refusals import BodyTooLarge, InternalError, TooSlow
from app.kernel.network import Network
from app.kernel.randomness import new_id
from app.kernel.requester import Requester
from app.observability.metrics import Counter, Histogram

LARGEST_BODY = 64 * 1024
_BODY_SECONDS = 10.0
# A body that is too large is read this far and thrown away: closing on unread bytes would cost the sender our answer.
_DRAINED = 4 * 1024 * 1024
_DRAIN_SECONDS = 2.0
_LONGEST_USER_AGENT = 256

_log = structlog.get_logger("twokeys.request")
_seconds = Histogram(
    "twokeys_request_seconds",
    "Time to answer, by route.",
    ("method", "route"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_answers = Counter("twokeys_requests", "Answers, by route and status.", ("method", "route", "status"))
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


_Received = Mapping[bytes, bytes]
"""The headers of a request by their names, the first of each."""


_CONSTANT_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_ENCODED_HEADERS = [(name.lower().encode(), value.encode()) for name, value in _CONSTANT_HEADERS.items()]


def common_headers(request_id: str) -> dict[str, str]:
    return {**_CONSTANT_HEADERS, "X-Request-Id": request_id}


def _add_common_headers(message: Message, request_id: str) -> None:
    """The few responses that may be cached say so themselves."""
    headers = message.setdefault("headers", [])
    present = {name for name, _ in headers}
    common = *_ENCODED_HEADERS, (b"x-request-id", request_id.encode())
    headers += [header for header in common if header[0] not in present]


def _text(headers: _Received, name: bytes) -> str | None:
    found = headers.get(name)
    return None if found is None else found.decode("latin-1")


def _user_agent(headers: _Received) -> str | None:
    sent = (_text(headers, b"user-agent") or "")[:_LONGEST_USER_AGENT]
    return (sent if sent.isprintable() else "".join(c if c.isprintable() else " " for c in sent)) or None


def _requester(scope: Scope, headers: _Received, trusted: tuple[Network, ...]) -> Requester:
    peer = scope["client"][0] if scope.get("client") else None
    hops = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return Requester(client_address(peer, hops, trusted), _user_agent(headers), _text(headers, b"accept-language"))


async def _read_body(receive: Receive, declared: int) -> bytes | None:
    """The body, or None where it is too large."""
    if declared > LARGEST_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _drain(receive: Receive) -> None:
    read = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while read < _DRAINED:
                message = await receive()
                read += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _closed_when_unread(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """For a route that reads the body itself: what it left unread is thrown away, and the connection closed."""
    unread = True

    async def noting() -> Message:
        nonlocal unread
        message = await receive()
        unread = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start" and unread:
            await _drain(receive)
            MutableHeaders(raw=message.setdefault("headers", []))["Connection"] = "close"
        await send(message)

    return noting, closing


class RequestMiddleware:
    """Request id, client address, bounded body, common headers, a problem for unexpected errors, one log line."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_proxies: tuple[Network, ...],
        streaming: frozenset[str] = frozenset(),
        oauth: frozenset[str] = frozenset(),
    ) -> None:
        """`streaming` names the paths whose route reads and bounds the body itself, once it knows who asks.

        Problems of the paths in `oauth` carry `error` as well (RFC 6749 §5.2).
        """
        self._app = app
        self._trusted = trusted_proxies
        self._streaming = streaming
        self._oauth = oauth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = dict(reversed(scope["headers"]))
        request_id = new_id().hex
        scope["state"] = scope.get("state", {}) | {
            "request_id": request_id,
            "speaks_oauth": scope["path"] in self._oauth,
            "requester": _requester(scope, headers, self._trusted),
        }
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_common_headers(message, request_id)
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers, headers)
        except Exception:
            _log.exception("unforeseen", request_id=request_id)
            if status:
                raise
            await problem_for(scope, InternalError())(scope, receive, send_with_headers)
        finally:
            self._note(scope, status, time.perf_counter() - began, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, headers: _Received) -> None:
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        if scope["path"] in self._streaming:
            await self._app(scope, *_closed_when_unread(receive, send))
            return
        closing = {"Connection": "close"}
        declared = _text(headers, b"content-length") or "0"
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await _read_body(receive, int(declared) if declared.isdecimal() else 0)
        except TimeoutError:
            await problem_for(scope, TooSlow(), headers=closing)(scope, receive, send)
            return
        if body is None:
            await _drain(receive)
            await problem_for(scope, BodyTooLarge(), headers=closing)(scope, receive, send)
            return
        delivered = False

        async def receive_body() -> Message:
            nonlocal delivered
            if delivered:
                return await receive()
            delivered = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_body, send)

    @staticmethod
    def _note(scope: Scope, status: int, seconds: float, request_id: str) -> None:
        method, route = known_method(scope), route_of(scope)
        observe, count = _measures(method, route, status)
        observe(seconds)
        count()
        if status >= 500 or not route.endswith(("z", "/introspect", "/forward-auth")):  # noqa: PLR2004
            _log.info(
                "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), request_id=request_id
            )


# Looking them up by their labels costs as much as counting.
@lru_cache(maxsize=1024)
def _measures(method: str, route: str, status: int) -> tuple[Callable[[float], None], Callable[[], None]]:
    return _seconds.labels(method, route).observe, _answers.labels(method, route, str(status)).inc


def known_method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in _METHODS else "other"


def route_of(scope: Scope) -> str:
    """The route's pattern, never the path: a path can hold anything."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def requester_of(scope: Any) -> Requester:
    """Where this request came from, as `RequestMiddleware` found out."""
    found = scope["state"]["requester"]
    assert isinstance(found, Requester)  # noqa: S101 - put there above
    return found
