"""One POST to a receiver: at an address that was looked up once, within ten seconds, and only its status is read."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import urlsplit

import httpx

from app.webhooks.targets import TargetRefused, TargetRules

_SECONDS = 10.0
_FIXED = {"content-type": "application/json", "user-agent": "Twokeys-Webhooks/1", "connection": "close"}


class NotSent(Exception):
    """No answer came. The message is a word for the log and names no address."""


class Sender:
    """Knows no proxies, follows no redirects, keeps no cookies and no connections."""

    def __init__(self, rules: TargetRules, trusted: ssl.SSLContext | None = None) -> None:
        self.rules = rules
        self._trusted = trusted

    @cached_property
    def _transport(self) -> httpx.AsyncHTTPTransport:
        """Made at the first delivery: reading the certificates of the system takes a while."""
        trusted = self._trusted or ssl.create_default_context()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=limits)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer; nothing else of it is read. Raises NotSent."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._post(url, headers, body)
        except TimeoutError:
            raise NotSent("no answer in time") from None
        except TargetRefused as error:
            raise NotSent(str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise NotSent(type(error).__name__) from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        *others, last = await self.rules.addresses(url)
        for address in others:
            try:
                return await self._post_to(address, url, headers, body)
            except httpx.ConnectError:
                continue
        return await self._post_to(last, url, headers, body)

    async def _post_to(self, address: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts = urlsplit(url)
        host = f"[{address}]" if ":" in address else address
        pinned = parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()
        request = httpx.Request(
            "POST",
            pinned,
            headers={**_FIXED, **headers, "host": parts.netloc},
            content=body,
            # The certificate must be the name's, not the address's.
            extensions={"sni_hostname": (parts.hostname or "").removesuffix(".")},
        )
        response = await self._transport.handle_async_request(request)
        await response.aclose()
        return response.status_code

    async def close(self) -> None:
        if "_transport" in vars(self):
            await self._transport.aclose()
