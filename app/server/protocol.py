"""HTTP/1.1 on one connection: uvicorn's, with limits for slow senders, long headers and the number of connections."""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.clients.routes import OAUTH_PATHS
from app.http.health import DRAINING
from app.http.middleware import RequestMiddleware, common_headers
from app.http.problems import problem, problem_for
from app.http.refusals import HeadTooLarge, MalformedHttp, MalformedRequest, MethodNotAllowed
from app.kernel.randomness import new_id
from app.kernel.refusal import Overloaded
from app.server.head import begins_with_method, is_unambiguous
from app.server.transport import JoinedWrites

_RETRY_AFTER_SECONDS = 1
_CLOSING = {"Connection": "close"}
# The parser stops at a method that it does not know, so nobody reads which path it was for.
_EVERY_METHOD = "DELETE, GET, HEAD, PATCH, POST"

_MOST_CONNECTIONS = 10_000
# For the database, the logs and the connections that are told that we are full.
_SPARE_DESCRIPTORS = 256


def connection_capacity() -> int:
    """How many there may be, after raising the limit of descriptors as far as we may; often it is 1,024 at first."""
    try:
        import resource  # noqa: PLC0415 - Windows has none, and counts no descriptors
    except ImportError:
        return _MOST_CONNECTIONS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + _SPARE_DESCRIPTORS
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(_MOST_CONNECTIONS, max(64, soft - _SPARE_DESCRIPTORS))


async def _say_that_we_are_full(scope: Any, receive: Any, send: Any) -> None:
    refusal = Overloaded(retry_after=_RETRY_AFTER_SECONDS)
    await problem_for(scope, refusal, headers=_CLOSING)(scope, receive, send)


_FULL: Any = RequestMiddleware(_say_that_we_are_full, trusted_proxies=(), oauth=OAUTH_PATHS)


def _must(holds: bool) -> None:  # noqa: FBT001
    """Raises HttpParserError; the parser ends there, and the connection with it."""
    if not holds:
        raise httptools.HttpParserError


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are not whole in time, or have no end.

    uvicorn would wait for ever, and keep all of them. It would also take the body of a request that offers an upgrade
    for the next request, since its parser stops at the end of such a head: here the offer is ignored (RFC 9110 §7.8).
    """

    headers_within_seconds = 10.0
    most_connections = _MOST_CONNECTIONS
    """See `connection_capacity`."""
    largest_head = 64 * 1024
    most_headers = 100
    most_chunks = 16_384
    """Of a body; tiny ones cost more time than bytes."""
    most_pipelined = 64
    """Requests in one read, which keeps everybody else waiting."""
    _is_whole = False
    """Whether the headers of the message are complete."""
    _chunks = 0
    _begun = 0
    _deadline: asyncio.TimerHandle | None = None
    _head = 0
    """Bytes of the message in flight that are not its body; those of the read that it began in don't count."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", JoinedWrites(transport, self.loop)))
        self._expect_headers()
        if len(self.connections) > self.most_connections:
            self.app = _FULL

    def data_received(self, data: bytes) -> None:
        if self._is_idle:
            # uvicorn stops its own clock for idle connections here, though all that came may be an empty line.
            self._expect_headers()
        self._head += len(data)
        self._begun = 0
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self._refuse(self._refusal_of(error, data))
            return
        if self._head > self.largest_head:
            self._refuse_head()

    def _refusal_of(self, error: httptools.HttpParserError, data: bytes) -> MalformedRequest:
        if isinstance(error, httptools.HttpParserInvalidMethodError) and begins_with_method(data):
            return MethodNotAllowed()
        return HeadTooLarge() if len(self.headers or ()) > self.most_headers else MalformedHttp()

    def _parse(self, data: bytes) -> None:
        """Reads each message to its end. One that offers an upgrade is read again without the offer, headers first."""
        rest = memoryview(data)
        while True:
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as stopped:
                rest = rest[stopped.args[0] :]
            else:
                return
            head = self._head_without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)

    def _head_without_offer(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            raise httptools.HttpParserError
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_whole = False
        self._head = self._chunks = 0
        self._count_pipelined()
        self._expect_headers()

    def on_body(self, body: bytes) -> None:
        self._head -= len(body)
        super().on_body(body)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers are dropped: a proxy replaces the client's headers and passes its trailers on as they are."""
        if not self._is_whole:
            super().on_header(name, value)
            _must(len(self.headers) <= self.most_headers)

    def on_chunk_header(self) -> None:
        self._chunks += 1
        _must(self._chunks <= self.most_chunks)

    def on_headers_complete(self) -> None:
        _must(is_unambiguous(self.parser.get_http_version(), self.url, self.headers))
        if self.parser.should_upgrade():
            # `_parse` comes back with the same headers and no offer.
            return
        self._is_whole = True
        self._stop_waiting()
        super().on_headers_complete()
        if DRAINING in self.app_state:
            # Whoever comes back does so on a connection to somebody else.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _count_pipelined(self) -> None:
        self._begun += 1
        _must(self._begun <= self.most_pipelined)

    def _refuse_head(self) -> None:
        if self._is_idle:
            self._refuse(HeadTooLarge())
        else:
            # In the middle of an answer, or of a body whose trailers have no end, there is nothing to say.
            self.transport.abort()

    def _refuse(self, refusal: MalformedRequest) -> None:
        """A request that is not valid HTTP never reaches the application; its response has the same form."""
        self._stop_waiting()
        if self._owes_another_answer:
            # Ours would be taken for the answer to a request before.
            self.transport.abort()
            return
        request_id = new_id().hex
        headers = common_headers(request_id) | _CLOSING
        if isinstance(refusal, MethodNotAllowed):
            headers["Allow"] = _EVERY_METHOD
        answer = problem(request_id, refusal.status, refusal, headers=headers)
        head = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(STATUS_LINE[refusal.status] + head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    @property
    def _owes_another_answer(self) -> bool:
        """Whether a request that came whole, before the one that is being read, is not answered yet."""
        return bool(self.pipeline) or not (self._is_idle or self.cycle.more_body)

    @property
    def _is_idle(self) -> bool:
        in_flight: RequestResponseCycle | None = self.cycle
        return in_flight is None or in_flight.response_complete

    def _expect_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_within_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
