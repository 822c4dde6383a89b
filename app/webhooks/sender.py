"""One POST to a receiver: at an address that was looked up once, within ten seconds, and only its status is read."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from app.webhooks.targets import TargetRefused, TargetRules

_SECONDS = 10.0
_FIXED = {"content-type": "application/json", "user-agent": "Twokeys-Webhooks/1", "connection": "close"}
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})( .*)?\r?\n")
_HEADER_BYTES = 16 * 1024
_FINAL = 200


class NotSent(Exception):
    """No answer came. The message is a word for the log and names no address."""


class Sender:
    """Knows no proxies, follows no redirects, keeps no cookies and no connections.

    HTTP by hand, since a client that knows all of it takes many times as long for a request of which this is all.
    """

    def __init__(self, rules: TargetRules, trusted: ssl.SSLContext | None = None) -> None:
        self.rules = rules
        self._given = trusted

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Made at the first delivery: reading the certificates of the system takes a while."""
        return self._given or ssl.create_default_context()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer; nothing else of it is read. Raises NotSent."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._post(url, headers, body)
        except TimeoutError:
            raise NotSent("no answer in time") from None
        except TargetRefused as error:
            raise NotSent(str(error)) from None
        except (OSError, ValueError) as error:
            raise NotSent(type(error).__name__) from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        reader, writer = await self._connect(await self.rules.addresses(url), parts)
        try:
            writer.write(_head(parts, headers, len(body)) + body)
            return await _status(reader)
        finally:
            # Not closed politely: a receiver that hangs would keep the connection.
            writer.transport.abort()

    async def _connect(
        self, addresses: list[str], parts: SplitResult
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the first that takes a connection. The certificate must be the name's, not the address's."""
        *others, last = addresses
        for address in others:
            try:
                return await self._connect_to(address, parts)
            except OSError:
                continue
        return await self._connect_to(last, parts)

    async def _connect_to(self, address: str, parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if parts.scheme == "http":
            return await asyncio.open_connection(address, parts.port or 80, limit=_HEADER_BYTES)
        name = (parts.hostname or "").removesuffix(".")
        return await asyncio.open_connection(
            address, parts.port or 443, limit=_HEADER_BYTES, ssl=self._trusted, server_hostname=name
        )


def _head(parts: SplitResult, headers: Mapping[str, str], length: int) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = {"host": parts.netloc, **_FIXED, **headers, "content-length": str(length)}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode("ascii")


async def _status(reader: asyncio.StreamReader) -> int:
    """Of the answer itself, behind those that only say that one will come (RFC 9110 §15.2). Raises ValueError."""
    while True:
        found = _STATUS_LINE.fullmatch(await reader.readline())
        if found is None:
            raise ValueError("no HTTP")
        status = int(found[1])
        if status >= _FINAL:
            return status
        while (await reader.readline()).strip():
            pass
