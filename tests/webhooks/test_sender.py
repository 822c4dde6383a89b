"""What a receiver may answer, and what it may try."""

import asyncio
from ipaddress import ip_address

import pytest

from app.webhooks.sender import NotSent, Sender
from app.webhooks.targets import TargetRules
from tests.support.listening import listening

pytestmark = pytest.mark.anyio
SENDER = Sender(TargetRules(insecure=True, private_networks=True, look_up=lambda _: [ip_address("127.0.0.1")]))
SOON = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


async def status_of(answer: bytes) -> int:
    """Of a receiver that answers just this, and ends there."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for part in (answer[:9], answer[9:]):
            writer.write(part)
            await writer.drain()

    async with listening(converse) as port:
        return await SENDER.post(f"http://shop.example.com:{port}/hooks?shop=1", {"webhook-id": "1"}, b"{}")


async def test_the_status_is_that_of_the_answer_itself() -> None:
    for answer, status in (
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.0 200 OK\r\n\r\nwhatever follows", 200),
        (b"HTTP/1.1 299\r\n\r\n", 299),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + SOON + b"HTTP/1.1 503 Later\r\nContent-Length: 9\r\n\r\n", 503),
    ):
        assert await status_of(answer) == status, answer


async def test_what_is_no_answer_is_an_attempt_that_failed() -> None:
    for answer in (
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        SOON * 5_000 + b"HTTP/1.1 200 OK\r\n\r\n",
    ):
        with pytest.raises(NotSent):
            await status_of(answer)
