"""TCP servers within a test that let go of every connection at their end.

A connection that the end of the loop leaves open is a warning in the middle of some later test.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def accepting(
    protocol: Callable[[], asyncio.Protocol], port: int = 0, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Yields the port; each connection gets a protocol of its own."""
    transports: list[asyncio.Transport] = []

    def accepted() -> asyncio.Protocol:
        made = protocol()
        connected = made.connection_made

        def note(transport: asyncio.Transport) -> None:
            transports.append(transport)
            connected(transport)

        made.connection_made = note  # type: ignore[method-assign,assignment]
        return made

    loop = asyncio.get_running_loop()
    server = await loop.create_server(accepted, "127.0.0.1", port, ssl=tls)
    (listener,) = server.sockets
    try:
        yield listener.getsockname()[1]
    finally:
        # What the loop has accepted by now is told to its protocol within three rounds. A server that is closed before
        # drops such a connection without closing it.
        loop.remove_reader(listener)
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Yields the port; each connection gets a conversation, which the end breaks off."""
    conversations: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await converse(reader, writer)
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(one(reader, writer)))

    async with accepting(lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), begin), port, tls=tls) as found:
        try:
            yield found
        finally:
            for conversation in conversations:
                conversation.cancel()
            await asyncio.gather(*conversations, return_exceptions=True)
