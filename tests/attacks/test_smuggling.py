"""No byte of a declared body becomes a request, whatever is offered in the headers before it."""

import asyncio
from contextlib import closing

import pytest

from tests.support.listening import Recorded, answer_on, recording
from tests.support.marks import PATIENCE

pytestmark = pytest.mark.anyio

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
OFFERS = {
    "foo": b"Connection: Upgrade\r\nUpgrade: foo\r\n",
    "websocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n",
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n",
    "two": b"Upgrade: a\r\nConnection: upgrade\r\nupgrade: b, c\r\n",
    "none": b"",
}


def post(offer: bytes, body: bytes = SMUGGLED, *, chunked: bool = False) -> bytes:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    return b"POST /attack HTTP/1.1\r\nHost: x\r\n" + offer + framing + b"\r\n\r\n" + sent


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS)
async def test_a_body_after_an_upgrade_offer_is_no_request(offer: str, chunked: bool) -> None:  # noqa: FBT001
    """Cut between two reads at every byte; the request is answered as without the offer, and so is the next."""
    message = post(OFFERS[offer], chunked=chunked)
    async with recording() as (recorder, port):
        for cut in range(1, len(message) + 1):
            recorder.requests.clear()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with closing(writer):
                recorder.bytes_seen.clear()
                writer.write(message[:cut])
                await recorder.bytes_seen.wait()
                writer.write(message[cut:] + b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
                async with asyncio.timeout(PATIENCE):
                    assert await answer_on(reader) == (200, b"POST /attack\n")
                    assert await answer_on(reader) == (200, b"GET /next\n")
            assert recorder.requests == [Recorded("POST", "/attack", SMUGGLED), Recorded("GET", "/next", b"")]


async def test_many_offers_in_one_read_are_answered_each() -> None:
    many = 30
    async with recording() as (recorder, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(post(OFFERS["foo"], b"x") * many)
            async with asyncio.timeout(PATIENCE):
                for _ in range(many):
                    assert await answer_on(reader) == (200, b"POST /attack\n")
        assert recorder.requests == [Recorded("POST", "/attack", b"x")] * many


async def test_connect_is_refused_and_the_connection_closed() -> None:
    async with recording() as (recorder, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with closing(writer):
            writer.write(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n" + SMUGGLED)
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert recorder.requests == []
