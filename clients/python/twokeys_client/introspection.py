"""Asking whose token this is (RFC 7662)."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Self

import httpx

from twokeys_client.cache import EpochCache
from twokeys_client.problems import Unanswered, expect
from twokeys_client.wire import AuthenticatedClient
from twokeys_client.wire.api.for_other_services import introspect_token
from twokeys_client.wire.models import ActiveToken, IntrospectTokenBody
from twokeys_client.wire.types import UNSET


@dataclass(frozen=True)
class Introspector:
    """Without a cache each question goes to the service, and a revocation counts at once."""

    client: AuthenticatedClient
    cache: EpochCache | None = None

    @classmethod
    def at(cls, address: str, client_id: str, client_secret: str, *, cache: EpochCache | None = None) -> Self:
        basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        timeout = httpx.Timeout(5)
        return cls(AuthenticatedClient(base_url=address, token=basic, prefix="Basic", timeout=timeout), cache)

    async def holder(self, token: str, *, client_ip: str | None = None) -> ActiveToken | None:
        """None where the token is not alive, or does not work from that address. Raises Refused.

        Raises Unanswered where nobody knows: let nobody in then.
        """
        if self.cache is None:
            return await self._ask(token, client_ip)
        # No secret stays in memory.
        key = hashlib.sha256(f"{token} {client_ip}".encode()).digest()
        kept = self.cache.find(key)
        if kept is not None:
            return kept
        asked_at = self.cache.clock()
        found = await self._ask(token, client_ip)
        if found is None or not self.cache.lives(found, asked_at):
            return None
        self.cache.keep(key, found, asked_at)
        return found

    async def _ask(self, token: str, client_ip: str | None) -> ActiveToken | None:
        body = IntrospectTokenBody(token=token, client_ip=client_ip or UNSET)
        try:
            answer = expect(await introspect_token.asyncio(client=self.client, body=body))
        except httpx.HTTPError as error:
            raise Unanswered from error
        return answer if isinstance(answer, ActiveToken) else None
