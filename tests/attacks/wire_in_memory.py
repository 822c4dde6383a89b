"""One connection of our protocol without a socket, so that a test decides which bytes each read holds."""

import asyncio
import re
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from app.server.protocol import BoundedProtocol
from tests.support.listening import Recorded, Recorder

# More than any message here takes from its last byte to its last answer, since nothing waits for anything outside.
_TURNS = 12


class Outcome(NamedTuple):
    requests: tuple[Recorded, ...]
    statuses: tuple[int, ...]
    is_closed: bool


class _Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_paused = self.is_closed = False

    def write(self, data: Any) -> None:
        self.written += b"" if self.is_closed else bytes(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


async def exchange(reads: Iterable[bytes]) -> Outcome:
    """What our protocol makes of these reads, one in each turn of the event loop."""
    recorder, wire = Recorder(), _Wire()
    config = uvicorn.Config(recorder, http=BoundedProtocol, ws="none", log_config=None, server_header=False)
    config.load()
    protocol = BoundedProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(wire)
    waiting = deque(reads)
    turns = 0
    while turns < _TURNS:
        await asyncio.sleep(0)
        if waiting and not wire.is_paused and not wire.is_closed:
            protocol.data_received(waiting.popleft())
            turns = 0
        turns += 1
    statuses = (int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", wire.written))
    protocol.connection_lost(None)
    return Outcome(tuple(recorder.requests), tuple(each for each in statuses if each != 100), wire.is_closed)
