"""A TCP server within a test that lets go of every connection at its end.

A connection that the end of the loop leaves open is a warning in the middle of some later test.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def listening(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Yields the port."""
    conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations[task] = writer
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await converse(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task, writer in conversations.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*conversations, return_exceptions=True)
        await asyncio.sleep(0)
