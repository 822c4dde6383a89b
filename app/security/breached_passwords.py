"""Passwords that are known from a data breach, by a range service such as Have I Been Pwned's."""

import asyncio
import hashlib

import httpx
import structlog
from pydantic import SecretStr

from app.observability.metrics import Counter
from app.security.hasher import prepared

_PREFIX = 5
_PATIENCE_SECONDS = 1.0
_failures = Counter("twokeys_breach_check_failures", "Breached-password look-ups that failed and were passed over.")
_log = structlog.get_logger(__name__)


class BreachedPasswords:
    def __init__(self, url: str) -> None:
        self._url = url

    async def contain(self, password: SecretStr) -> bool:
        """Five characters of a SHA-1 leave the service. Fails open after a second at most, and is counted."""
        text = prepared(password).get_secret_value()
        sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), httpx.AsyncClient(timeout=_PATIENCE_SECONDS) as client:
                answer = await client.get(self._url + sha1[:_PREFIX], headers={"Add-Padding": "true"})
                answer.raise_for_status()
        except (httpx.HTTPError, TimeoutError):
            _failures.inc()
            _log.warning("breach_check_failed")
            return False
        lines = (line.partition(":") for line in answer.text.splitlines())
        return any(suffix == sha1[_PREFIX:] and count.strip() not in {"", "0"} for suffix, _, count in lines)
