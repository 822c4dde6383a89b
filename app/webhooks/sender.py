"""One POST to a receiver: at an address that was looked up once, within ten seconds, and only its status is read."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

import h11

from app.webhooks.targets import TargetRefused, TargetRules

_SECONDS = 10.0
_FIXED = {"content-type": "application/json", "user-agent": "Twokeys-Webhooks/1", "connection": "close"}
_MOST_READ_BYTES = 16 * 1024


class NotSent(Exception):
    """No answer came. The message is a word for the log and names no address."""


class Sender:
    """Knows no proxies, follows no redirects, keeps no cookies and no connections.

    A client that does takes several times as long for a request as h11 alone, which knows HTTP and nothing else.
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
        except (h11.ProtocolError, OSError, ValueError) as error:
            raise NotSent(type(error).__name__) from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        reader, writer = await self._connect(await self.rules.addresses(url), parts)
        try:
            http = h11.Connection(h11.CLIENT)
            writer.write(_request(http, parts, headers, body))
            return await _status(http, reader)
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
            return await asyncio.open_connection(address, parts.port or 80)
        name = (parts.hostname or "").removesuffix(".")
        return await asyncio.open_connection(address, parts.port or 443, ssl=self._trusted, server_hostname=name)


def _request(http: h11.Connection, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = {"host": parts.netloc, **_FIXED, **headers, "content-length": str(len(body))}
    events = (
        h11.Request(method="POST", target=target, headers=list(named.items())),
        h11.Data(data=body),
        h11.EndOfMessage(),
    )
    return b"".join(http.send(event) or b"" for event in events)


async def _status(http: h11.Connection, reader: asyncio.StreamReader) -> int:
    """Of the answer itself, behind those that only say that one will come (RFC 9110 §15.2).

    Raises h11's errors, ValueError for a receiver that never comes to it.
    """
    left = _MOST_READ_BYTES
    while not isinstance(event := http.next_event(), h11.Response):
        if event is h11.NEED_DATA:
            if not left:
                raise ValueError("no status")
            read = await reader.read(left)
            left -= len(read)
            http.receive_data(read)
    return event.status_code
