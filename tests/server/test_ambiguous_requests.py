"""A request that two parsers could read in two ways is refused, and its connection closed."""

import asyncio
from contextlib import closing, suppress

import pytest

from app.server.protocol import BoundedProtocol
from tests.support.listening import Recorded, answer_on, recording
from tests.support.marks import PATIENCE

pytestmark = pytest.mark.anyio

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n"
AMBIGUOUS = {
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two hosts, the older version": b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "a host with a user": b"GET / HTTP/1.1\r\nHost: a@x\r\n\r\n",
    "a host with a space": b"GET / HTTP/1.1\r\nHost: x y\r\n\r\n",
    "version 0.9": b"GET / HTTP/0.9\r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "gzip, chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + b"\r\n",
    "gzip": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
    + CHUNKS + b"\r\n",
    "chunked, chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS + b"\r\n",
    "chunked in quotes": b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "chunked"\r\n\r\n' + CHUNKS + b"\r\n",
    "chunked, the older version": b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + CHUNKS + b"\r\n",
    "chunked and a length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    + CHUNKS + b"\r\n",
    "a fragment": b"GET /metrics#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "no method": b" / HTTP/1.1\r\nHost: x\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_request_ends_its_connection(name: str) -> None:
    async with recording() as (recorder, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(AMBIGUOUS[name] + NEXT)
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"malformed_request" in answer
        assert recorder.requests == []


async def test_an_older_client_needs_no_host() -> None:
    async with recording() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                assert await answer_on(reader) == (200, b"GET /readyz\n")
                assert await reader.read() == b""


async def test_an_ambiguous_request_is_no_answer_to_the_one_before() -> None:
    """Its refusal would be taken for the answer that is still owed."""
    async with recording() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(NEXT + AMBIGUOUS["two hosts"])
            async with asyncio.timeout(PATIENCE):
                try:
                    answer = await reader.read()
                except ConnectionResetError:
                    answer = b""
        assert b"malformed_request" not in answer


async def test_a_trailer_is_no_header() -> None:
    """A proxy replaces the headers of its client, and hands its trailers on."""
    seen: list[list[tuple[bytes, bytes]]] = []

    class Watched(BoundedProtocol):
        def on_message_complete(self) -> None:
            seen.append(list(self.headers))
            super().on_message_complete()

    trailers = b"Authorization: Bearer x\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    message = b"POST /attack HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + trailers
    async with recording(Watched) as (recorder, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(message + NEXT)
            async with asyncio.timeout(PATIENCE):
                assert await answer_on(reader) == (200, b"POST /attack\n")
                assert await answer_on(reader) == (200, b"GET /next\n")
        assert recorder.requests == [Recorded("POST", "/attack", b"{}"), Recorded("GET", "/next", b"")]
    assert [name for name, _ in seen[0]] == [b"host", b"transfer-encoding"]


COSTLY = {
    "headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 5_000 + b"\r\n", b"HTTP/1.1 431 "),
    "chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 40_000 + b"0\r\n\r\n",
        b"HTTP/1.1 400 ",
    ),
}


@pytest.mark.parametrize("name", COSTLY)
async def test_a_message_of_very_many_parts_is_refused(name: str) -> None:
    """Each costs the event loop some time, and takes a few bytes to send."""
    message, refusal = COSTLY[name]
    async with recording() as (recorder, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(message)
            async with asyncio.timeout(PATIENCE):
                try:
                    answer = await reader.read()
                except ConnectionResetError:
                    answer = refusal
        assert answer.startswith(refusal)
        assert recorder.requests == []


async def test_one_read_holds_a_limited_number_of_requests() -> None:
    async with recording() as (recorder, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(NEXT * 5_000)
            async with asyncio.timeout(PATIENCE):
                with suppress(ConnectionResetError):
                    await reader.read()
        assert len(recorder.requests) < 5_000
