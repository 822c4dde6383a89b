"""What the connection itself refuses: senders that never finish their headers, and too many at once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.serving.protocol import BoundedProtocol

pytestmark = pytest.mark.anyio

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Impatient(BoundedProtocol):
    headers_within_seconds = 0.1


class Small(BoundedProtocol):
    most_connections = 1


async def say_hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def serving(protocol: type[BoundedProtocol], **state: bool) -> AsyncIterator[int]:
    config = uvicorn.Config(say_hello, http=protocol, ws="none", log_config=None, server_header=False)
    config.load()
    shared, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, shared, state, loop), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def is_cut_off(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_a_sender_that_never_finishes_its_headers_is_cut_off() -> None:
    async with serving(Impatient) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST[:-2])
        assert await is_cut_off(reader)
        writer.close()


async def test_a_sender_that_says_nothing_is_cut_off() -> None:
    async with serving(Impatient) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await is_cut_off(reader)
        writer.close()


async def test_the_next_request_of_a_connection_has_the_same_time() -> None:
    async with serving(Impatient) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"hello" in await reader.readuntil(b"hello")
        writer.write(REQUEST[:-2])
        assert await is_cut_off(reader)
        writer.close()


async def test_one_connection_too_many_is_told_to_come_back() -> None:
    async with serving(Small) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"hello" in await reader.readuntil(b"hello")
        late_reader, late_writer = await asyncio.open_connection("127.0.0.1", port)
        late_writer.write(REQUEST)
        head, _, body = (await late_reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in head.lower()
        assert json.loads(body)["code"] == "overloaded"
        writer.close()
        late_writer.close()


async def test_a_server_that_ends_keeps_no_connection() -> None:
    async with serving(BoundedProtocol, draining=True) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"connection: close" in head.lower()
        assert body == b"hello"
        writer.close()
