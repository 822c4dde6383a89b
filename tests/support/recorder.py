"""A backend of our own protocol that records which requests reached it, and answers each with its own line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from app.server.protocol import BoundedProtocol
from tests.support.listening import accepting


class Recorded(NamedTuple):
    method: str
    target: str
    body: bytes


class Recorder:
    """An ASGI application; `requests` holds what it was asked, in the order in which the bodies were complete."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        """Of each of them."""
        self.bytes_seen = asyncio.Event()
        """Set whenever bytes arrive, whatever they are."""
        self.awaited: dict[bytes, asyncio.Event] = {}
        """Each is set when a read holds these bytes."""

    def note_read(self, data: bytes) -> None:
        self.bytes_seen.set()
        for found in [each for each in self.awaited if each in data]:
            self.awaited.pop(found).set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"].decode()
        self.requests.append(Recorded(scope["method"], target, bytes(body)))
        self.headers.append(list(scope["headers"]))
        line = f"{scope['method']} {target}\n".encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", str(len(line)).encode()), (b"cache-control", b"no-store")],
            }
        )
        await send({"type": "http.response.body", "body": line})


@asynccontextmanager
async def recording(protocol: type[asyncio.Protocol] = BoundedProtocol) -> AsyncIterator[tuple[Recorder, int]]:
    """Yields the recorder and the port that it listens on."""
    recorder = Recorder()

    class Watched(protocol):  # type: ignore[valid-type,misc]
        def data_received(self, data: bytes) -> None:
            recorder.note_read(data)
            super().data_received(data)

    config = uvicorn.Config(recorder, http=Watched, ws="none", log_config=None, server_header=False)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    async with accepting(lambda: Watched(config=config, server_state=state, app_state={}, _loop=loop)) as port:
        yield recorder, port


async def answer_on(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of the next answer that has a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return status, await reader.readexactly(int(lengths[0]) if lengths else 0)
