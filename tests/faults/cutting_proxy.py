"""Between the service and Postgres: cuts a connection in the moment of its COMMIT, or lets it fall silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tests.support.listening import listening

# As asyncpg sends it, or as we do.
# The whole command: BEGIN ISOLATION LEVEL READ COMMITTED holds the word too.
COMMIT = b"COMMIT\0"
_AT_ONCE = 65536


@dataclass
class CuttingProxy:
    """While `armed`, the next COMMIT reaches the server, and its answer nobody."""

    target: int
    port: int = 0
    armed: bool = False
    cuts: int = 0
    connections: int = 0
    _silent: int = 0

    def fall_silent(self) -> None:
        """Every connection there is stays open and carries nothing any more, as behind a firewall that forgot it."""
        self._silent = self.connections

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        answers = asyncio.create_task(self._pass_on(from_server, writer, number))
        try:
            with suppress(ConnectionError):
                while sent := await reader.read(_AT_ONCE):
                    if number <= self._silent:
                        continue
                    if self.armed and COMMIT in sent:
                        self.armed, self.cuts = False, self.cuts + 1
                        answers.cancel()
                        await asyncio.wait([answers])
                        to_server.write(sent)
                        await to_server.drain()
                        # The server has done it once it answers; the answer stays here.
                        await from_server.read(_AT_ONCE)
                        break
                    to_server.write(sent)
        finally:
            answers.cancel()
            to_server.transport.abort()
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        with suppress(ConnectionError):
            while result := await reader.read(_AT_ONCE):
                if number > self._silent:
                    writer.write(result)
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CuttingProxy"]:
        async with listening(self._carry) as self.port:
            yield self
