"""A mail server that gets as far as it is told and then falls silent, or cuts the connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.listening import listening

STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "the end of the mail")
_ANSWERS = {
    "greeting": b"220 faltering.example\r\n",
    "EHLO": b"250 faltering.example\r\n",
    "MAIL": b"250 OK\r\n",
    "RCPT": b"250 OK\r\n",
    "DATA": b"354 go on\r\n",
}


@dataclass
class FalteringSmtp:
    """At `falters_at` it has read what was sent and says nothing any more; `cuts` closes the connection instead."""

    falters_at: str
    cuts: bool
    port: int = 0
    connections: int = 0
    faltered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            for step in STEPS:
                if step == "the end of the mail":
                    await reader.readuntil(b"\r\n.\r\n")
                elif step != "greeting":
                    await reader.readline()
                if step == self.falters_at:
                    self.faltered.set()
                    break
                writer.write(_ANSWERS[step])
            if not self.cuts:
                # Until the other side has had enough.
                await reader.read()
        writer.transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FalteringSmtp"]:
        async with listening(self._converse, self.port) as self.port:
            yield self
