"""Somebody else's services, as processes, and the lines on which webhooks reach them."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx

from tests.support.listening import listening
from tests.support.marks import PATIENCE
from tests.support.people import bearer
from tests.support.service import free_port

_HEAD_END = b"\r\n\r\n"
_TAKEN = b"HTTP/1.1 204 Taken\r\nConnection: close\r\n\r\n"


@dataclass
class Line:
    """What deliveries pass on their way to a toy. While it is not `open`, they wait in it."""

    target: int
    port: int = 0
    does: Literal["pass on", "cut off", "lose"] = "pass on"
    """To lose a delivery is to say that it has arrived."""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    came: list[bytes] = field(default_factory=list)
    """Every delivery, in the order in which they came."""

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(_HEAD_END)
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        delivery = head + await reader.readexactly(int(length.partition(b":")[2]))
        self.came.append(delivery)
        await self.open.wait()
        if self.does != "cut off":
            writer.write(await self.send(delivery) if self.does == "pass on" else _TAKEN)
            await writer.drain()

    async def send(self, delivery: bytes) -> bytes:
        """Raises ConnectionError where the toy is away."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            writer.write(delivery)
            return await reader.read()
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Line"]:
        self.open.set()
        async with listening(self.converse) as self.port:
            yield self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"


@dataclass
class Toy:
    """A service with `/orders` behind a guard, `/hooks`, and `/wait/{seconds}` for the clock of its cache."""

    command: list[str]
    folder: Path
    line: Line
    web: httpx.AsyncClient
    env: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        process = self._process = self._spawn()
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                assert process.poll() is None
                await asyncio.sleep(0.02)

    def _spawn(self) -> subprocess.Popen[bytes]:
        env = os.environ | self.env | {"PORT": str(self.line.target)}
        return subprocess.Popen(self.command, cwd=self.folder, env=env)

    async def _answers(self) -> bool:
        try:
            return (await self.web.get("/orders")).status_code == 401
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    async def lets_in(self, token: str) -> bool:
        answer = await self.web.get("/orders", headers=bearer(token))
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200

    async def wait(self, seconds: int) -> None:
        assert (await self.web.post(f"/wait/{seconds}")).status_code == 204


@asynccontextmanager
async def toy(command: list[str], folder: Path) -> AsyncIterator[Toy]:
    """Not started yet. `PORT` in the command is the port that it listens at."""
    port = free_port()
    async with (
        Line(port).running() as line,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as web,
    ):
        made = Toy([part.replace("PORT", str(port)) for part in command], folder, line, web)
        try:
            yield made
        finally:
            made.stop()
