"""One process that serves: ends with 0 when it is asked to end, and within ten seconds."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from types import FrameType

import structlog
import uvicorn
from starlette.types import ASGIApp

from app.http.health import DRAINING

try:
    from app.server.protocol import BoundedProtocol, connection_capacity
except ImportError:  # Windows has no httptools; there a proxy must disconnect slow clients.
    BoundedProtocol = None  # type: ignore[assignment,misc]

# From the signal on: first requests still come, then none does.
_FINISH_SECONDS = 8
# For requests that were already on their way when the port was closed.
_LAST_SECONDS = 0.3
# Whatever still hangs then, a thread in the middle of a hash or a Postgres that stands still, is left behind.
_END_SECONDS = 9.2
_BACKLOG = 2048
_UNREAD_SECONDS = 20
# How long a thread that draws a QR code may keep the event loop waiting for the interpreter; Python's own 5 ms is what
# a check takes altogether.
SWITCH_SECONDS = 0.001
# Requests in flight are more than Python's own 700, so that it would look at all of them again and again.
_ALLOCATIONS_BETWEEN_COLLECTIONS = 10_000
_log = structlog.get_logger(__name__)


class CannotServe(Exception):
    """Why the service does not start, in one line."""


def listen(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A socket that holds the port from now on. Raises CannotServe, which names the `option` for another port."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        listening = socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        # asyncio and socket add the address to the text, which stands in ours already.
        why = (os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)).lower()
        raise CannotServe(f"Port {port} on {host} can't be used: {why}. Choose another with {option}.") from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Inherited by each connection: a client that never reads its response is disconnected.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_SECONDS * 1000)
    return listening


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, on_started: Callable[[], None], lifeline: Connection | None, drain_seconds: int
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._lifeline = lifeline
        self._drain_seconds = drain_seconds
        # Ctrl-C is somebody at a terminal, who has no proxy.
        self._drains = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Where uvicorn raises the signal again at the end, an orderly stop would look like a kill.

        The handlers stay: while we end, another signal adds nothing.
        """
        signal.signal(signal.SIGTERM, self.handle_exit)
        # In a worker Ctrl-C reaches the supervisor as well, and the supervisor says when to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN if self._lifeline else self.handle_exit)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._drains = sig == signal.SIGTERM
        super().handle_exit(sig, frame)
        if hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, _leave)
            signal.setitimer(signal.ITIMER_REAL, _END_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._lifeline:
            asyncio.get_running_loop().add_reader(self._lifeline.fileno(), self._supervisor_is_gone)
        # What is here now stays to the end, so the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Says that it ends, goes on for as long as a proxy needs to notice, and only then closes the port."""
        self.lifespan.state[DRAINING] = True
        if self._drains:
            await asyncio.sleep(self._drain_seconds)
        for listening in sockets or []:
            await self._take_who_waits(listening)
            listening.close()
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LAST_SECONDS)
        await super().shutdown(sockets)

    async def _take_who_waits(self, listening: socket.socket) -> None:
        """Serves the connections that the kernel has accepted: closing the port would cut them off.

        A flood of new connections would never end, so this does after a while.
        """
        loop = asyncio.get_running_loop()
        listening.settimeout(0)
        enough = loop.time() + _LAST_SECONDS
        while loop.time() < enough:
            try:
                waiting, _ = listening.accept()
            except OSError:
                return
            await loop.connect_accepted_socket(self._protocol, waiting)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def _supervisor_is_gone(self) -> None:
        assert self._lifeline  # noqa: S101 - this is its callback
        asyncio.get_running_loop().remove_reader(self._lifeline.fileno())
        self.handle_exit(signal.SIGTERM, None)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """What could be finished is finished, and being told to end is no failure."""
    os._exit(0)


def _protocol() -> type[asyncio.Protocol] | str:
    if BoundedProtocol is None:
        return "h11"
    return type("Protocol", (BoundedProtocol,), {"most_connections": connection_capacity()})


def cancel_forced_exit() -> None:
    """For a caller that still has to clean up after `run`."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)


def run(
    app: ASGIApp,
    listening: socket.socket,
    *,
    keep_alive_seconds: int,
    on_started: Callable[[], None] = lambda: None,
    lifeline: Connection | None = None,
    drain_seconds: int = 0,
) -> int:
    """Serves until SIGTERM or SIGINT, or until the other end of `lifeline` closes; returns the exit code.

    After a SIGTERM it goes on for `drain_seconds` and says at `/readyz` that it ends. A connection without a
    request is closed after `keep_alive_seconds`.
    """
    config = uvicorn.Config(
        app,
        http=_protocol(),
        ws="none",
        lifespan="on",
        # Whom to believe about the client's address is decided once, in http/client_address.py.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=_FINISH_SECONDS - drain_seconds,
        backlog=_BACKLOG,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    server = _Server(config, on_started, lifeline, drain_seconds)
    try:
        server.run(sockets=[listening])
    except SystemExit:
        # The start-up failed, and uvicorn has logged why.
        return 1
    _log.info("stopped")
    return 0
