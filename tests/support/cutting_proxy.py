"""Between the service and Postgres: cuts a connection in the moment in which its COMMIT has been sent on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

COMMIT = b"COMMIT;"
_AT_ONCE = 65536


@dataclass
class CuttingProxy:
    """While `armed`, the next COMMIT reaches the server, and its answer nobody."""

    target: int
    port: int = 0
    armed: bool = False
    cuts: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        answers = asyncio.create_task(self._pass_on(from_server, writer))
        with suppress(ConnectionError):
            while sent := await reader.read(_AT_ONCE):
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
        answers.cancel()
        await asyncio.wait([answers])
        to_server.close()
        writer.transport.abort()

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while said := await reader.read(_AT_ONCE):
                writer.write(said)
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CuttingProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
