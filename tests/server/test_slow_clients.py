"""What the connection itself refuses: senders that never finish their headers, and too many at once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import uvicorn
from uvicorn.server import ServerState

from app.server.protocol import BoundedProtocol
from tests.support.listening import accepting
from tests.support.marks import PATIENCE, only_long
from tests.support.service import free_port, over, running, wait_until_ready

pytestmark = pytest.mark.anyio

IDLE, DRIBBLING, DEAF = 2000, 100, 10
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Impatient(BoundedProtocol):
    headers_within_seconds = 0.5


class Small(BoundedProtocol):
    most_connections = 1
    largest_head = 1000


async def say_hello(scope: Any, receive: Any, send: Any) -> None:
    while scope["method"] == "POST" and (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def serving(protocol: type[BoundedProtocol], **state: bool) -> AsyncIterator[int]:
    config = uvicorn.Config(say_hello, http=protocol, ws="none", log_config=None, server_header=False)
    config.load()
    shared, loop = ServerState(), asyncio.get_running_loop()
    async with accepting(lambda: protocol(config, shared, state, loop)) as port:
        yield port


async def is_cut_off(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(PATIENCE):
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


async def test_an_empty_line_buys_no_time_between_requests() -> None:
    async with serving(Impatient) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"hello" in await reader.readuntil(b"hello")
        writer.write(b"\r\n")
        assert await is_cut_off(reader)
        writer.close()


async def test_headers_that_are_too_long_are_refused_before_their_end() -> None:
    async with serving(Small) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # The answer to the first says that the beginning of the second has been read.
        writer.write(REQUEST + REQUEST[:-2] + b"X-Long: ")
        assert b"hello" in await reader.readuntil(b"hello")
        writer.write(b"a" * (Small.largest_head + 1))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 431 ")
        assert json.loads(body)["code"] == "headers_too_large"
        writer.close()


async def test_a_long_body_is_no_long_header() -> None:
    async with serving(Small) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100):
            writer.write(b"a" * 1000)
            await writer.drain()
        assert b"hello" in await reader.readuntil(b"hello")
        writer.close()


async def test_trailers_without_end_are_cut_off() -> None:
    async with serving(Small) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        # As much as a read takes may go uncounted, and as much as the kernel holds may go unread.
        with suppress(ConnectionError):
            for _ in range(20_000):
                writer.write(b"X-More: of the same\r\n" * 50)
                await writer.drain()
        assert await is_cut_off(reader)
        writer.close()


async def test_one_connection_too_many_is_told_to_come_back() -> None:
    async with serving(Small) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"hello" in await reader.readuntil(b"hello")
        late_reader, late_writer = await asyncio.open_connection("127.0.0.1", port)
        late_writer.write(b"POST /v1/introspect HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        head, _, body = (await late_reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in head.lower()
        problem = json.loads(body)
        assert (problem["code"], problem["error"]) == ("overloaded", "temporarily_unavailable")
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


async def dribble(port: int, beginning: bytes, *, byte: bytes = b"a") -> bytes:
    """A byte at a time, until we are answered or cut off; returns what was said to us."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(beginning)
    output = asyncio.create_task(reader.read(1024))
    while not output.done():
        writer.write(byte)
        await asyncio.wait([output], timeout=0.2)
    writer.close()
    return b"" if output.exception() else output.result()


async def ask_and_never_read(port: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /console/console.css HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
    return writer


def is_connected(process: psutil.Process, port: int) -> bool:
    return any(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in process.net_connections())


@pytest.mark.faults
@only_long
async def test_slow_clients_are_dropped_and_hurt_nobody(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    slow_head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
    slow_body = b"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{"
    with running("serve", "--port", str(port), env=over(database_url), cwd=tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, address, process, tmp_path)
        served = psutil.Process(process.pid)
        began, waits = time.monotonic(), []
        deaf = [await ask_and_never_read(port) for _ in range(DEAF)]
        slow = [
            *(dribble(port, b"", byte=b"") for _ in range(IDLE)),
            *(dribble(port, slow_head) for _ in range(DRIBBLING)),
            *(dribble(port, slow_body) for _ in range(DRIBBLING)),
        ]
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api, asyncio.timeout(PATIENCE):
            dropped = asyncio.gather(*slow)
            while not dropped.done():
                response = time.perf_counter()
                assert (await api.get("/readyz")).status_code == 200
                waits.append(time.perf_counter() - response)
                await asyncio.wait([dropped], timeout=0.05)
            took = time.monotonic() - began
            output = dropped.result()
        async with asyncio.timeout(PATIENCE):
            while is_connected(served, port):  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.1)
        for writer in deaf:
            writer.close()
    assert len(output) > DRIBBLING
    assert not any(output[:-DRIBBLING])
    # A byte that arrives in the very moment of the closing costs its sender the answer.
    answers = {each[:13] for each in output[-DRIBBLING:]}
    assert b"HTTP/1.1 408 " in answers
    assert answers <= {b"HTTP/1.1 408 ", b""}
    # Shown by `pytest -rP`, for docs/evidence/reliability.md.
    waits.sort()
    print(
        f"{IDLE} idle, {DRIBBLING} with slow headers, {DRIBBLING} with slow bodies: gone after {took:.1f} s,"
        f" {DEAF} that never read after {time.monotonic() - began:.1f} s; {len(waits)} others answered, median"
        f" {waits[len(waits) // 2] * 1000:.1f} ms, at most {waits[-1] * 1000:.0f} ms"
    )


async def test_what_is_not_http_is_told_so() -> None:
    async with serving(BoundedProtocol) as port:
        for nonsense in (b"GET / HTTP/x\r\nHost: x\r\n\r\n", b"\0\xff\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense)
            async with asyncio.timeout(PATIENCE):
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 400 ")
            assert json.loads(body)["code"] == "malformed_request"
            writer.close()


async def test_an_unknown_method_is_405_and_closes() -> None:
    async with serving(BoundedProtocol) as port:
        for method in (b"FOO", b"get", b"GETS", b"\r\nBREW"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(method + b" /v1/me HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 405 ")
            assert b"\r\nallow: DELETE, GET, HEAD, PATCH, POST\r\n" in head
            assert json.loads(body)["code"] == "method_not_allowed"
            writer.close()
