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

try:
    from app.serving.protocol import BoundedProtocol

    _HTTP: type[asyncio.Protocol] | str = BoundedProtocol
except ImportError:  # On Windows there is no httptools; a proxy in front must hold slow senders off.
    _HTTP = "h11"

_DRAIN_SECONDS = 8
# Whatever still hangs then, a thread in the middle of a hash too, is ended by the kernel.
_END_SECONDS = 9.7
_KEEP_ALIVE_SECONDS = 5
_BACKLOG = 2048
# How long a thread that draws a QR code may keep the event loop waiting for the interpreter; Python's own 5 ms is what
# a check takes altogether.
SWITCH_SECONDS = 0.001
_log = structlog.get_logger(__name__)


class CannotServe(Exception):
    """Why the service does not start, in one line."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that holds the port from now on. Raises CannotServe."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        both = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        # asyncio and socket add the address to the text, which stands in ours already.
        why = (os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)).lower()
        raise CannotServe(f"Port {port} on {host} can't be used: {why}. Choose another with --port.") from None


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None], lifeline: Connection | None) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._lifeline = lifeline

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
        super().handle_exit(sig, frame)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, _END_SECONDS)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._lifeline:
            asyncio.get_running_loop().add_reader(self._lifeline.fileno(), self._supervisor_is_gone)
        # What is here now stays to the end, so the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._on_started()

    def _supervisor_is_gone(self) -> None:
        assert self._lifeline  # noqa: S101 - this is its callback
        asyncio.get_running_loop().remove_reader(self._lifeline.fileno())
        self.handle_exit(signal.SIGTERM, None)


def put_off_the_end() -> None:
    """For whoever still has something to put away after `run`."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)


def run(
    app: ASGIApp,
    listening: socket.socket,
    *,
    on_started: Callable[[], None] = lambda: None,
    lifeline: Connection | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT, or until the other end of `lifeline` closes; returns the exit code."""
    config = uvicorn.Config(
        app,
        http=_HTTP,
        ws="none",
        lifespan="on",
        # Whom to believe about the client's address is decided once, in infrastructure/client_address.py.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        backlog=_BACKLOG,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    server = _Server(config, on_started, lifeline)
    try:
        server.run(sockets=[listening])
    except SystemExit:
        # The start-up failed, and uvicorn has logged why.
        return 1
    _log.info("stopped")
    return 0
