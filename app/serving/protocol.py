"""HTTP/1.1 on one connection: uvicorn's, with a limit for slow senders and for the number of connections."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.infrastructure.health import DRAINING
from app.infrastructure.http import Manners
from app.infrastructure.problems import MalformedRequest, problem
from app.kernel.chance import new_id
from app.kernel.refusal import Overloaded

_RETRY_AFTER_SECONDS = 1
_CLOSING = {"Connection": "close"}

try:
    import resource

    # Some descriptors stay for the database, the logs and the connections that are told that we are full.
    _SPARE_DESCRIPTORS = 256
    _MOST_CONNECTIONS = min(10_000, max(64, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _SPARE_DESCRIPTORS))
except ImportError:  # Windows counts no descriptors.
    _MOST_CONNECTIONS = 10_000


async def _say_that_we_are_full(scope: Any, receive: Any, send: Any) -> None:
    refusal = Overloaded(retry_after=_RETRY_AFTER_SECONDS)
    await problem(scope["state"]["request_id"], 503, refusal, headers=_CLOSING)(scope, receive, send)


_FULL: Any = Manners(_say_that_we_are_full, trusted_proxies=())


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are not whole in time: uvicorn would wait for ever."""

    headers_within_seconds = 10.0
    most_connections = _MOST_CONNECTIONS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_headers()
        if len(self.connections) > self.most_connections:
            self.app = _FULL

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()
        if DRAINING in self.app_state:
            # Whoever comes back does so on a connection to somebody else.
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are not a problem document
        """What is not HTTP at all never reaches the application, and is answered in its manners all the same."""
        self._stop_waiting()
        request_id = new_id().hex
        standing = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
        answer = problem(
            request_id, 400, MalformedRequest("The request is not valid HTTP."), headers=standing | _CLOSING
        )
        head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def _expect_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_within_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
