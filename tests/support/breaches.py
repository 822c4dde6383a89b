"""A range service of breached passwords on this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.listening import listening


@asynccontextmanager
async def breaches(status: int, body: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Have I Been Pwned on this machine: its address, and the prefixes that were asked for."""
    response: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        response.append(request.split(b" ", 2)[1].decode().rpartition("/")[2])
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}/range/", response
