"""A receiver of webhooks on this machine, which answers as it is told and keeps what arrived."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.listening import listening

_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def account_id(self) -> str | None:
        found: str | None = self.event["data"]["account_id"]
        return found


@dataclass
class Receiver:
    port: int = 0
    answer: Callable[[Received], int] = lambda _: 204
    """The status that each is answered with."""
    hanging: bool = False
    """Whether it reads and answers nothing."""
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def types(self) -> list[str]:
        return [each.event["type"] for each in self.received]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(_HEAD_END)).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        named = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
        body = await reader.readexactly(int(headers["content-length"]))
        request = Received(named, body)
        self.received.append(request)
        if self.hanging:
            await reader.read()
            return
        location = f"Location: {self.url}/elsewhere\r\n"
        writer.write(f"HTTP/1.1 {self.answer(request)} Told\r\n{location}Content-Length: 6\r\n\r\nsecret".encode())
        await writer.drain()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Receiver"]:
        async with listening(self._serve, self.port, tls=tls) as self.port:
            yield self
