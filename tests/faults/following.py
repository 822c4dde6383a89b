"""Another system that reads the tail of the log and is told by a webhook, while things break; compared afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import asyncpg

from app.audit.domain import START_OF_LOG, Position
from app.kernel.clock import SystemClock
from app.kernel.refusal import Unavailable
from app.services import Services
from app.webhooks.delivery import WebhookDelivery
from tests.conftest import SetClock
from tests.support.marks import PATIENCE, PAUSE
from tests.support.people import an_operator
from tests.support.receiving import Receiver

_TOLD_OF = "token.revoked"
_LAPSED = timedelta(seconds=31)
LOCAL = {"webhook_insecure": True, "webhook_private_networks": True}
LOCAL_ENVIRONMENT = {"TWOKEYS_WEBHOOK_INSECURE": "true", "TWOKEYS_WEBHOOK_PRIVATE_NETWORKS": "true"}
"""What every process that delivers needs."""


@dataclass
class Follower:
    services: Services
    receiver: Receiver
    read: list[UUID] = field(default_factory=list)
    """The ids of the tail, in its order."""
    _position: Position = START_OF_LOG

    async def _go_on(self, deliverer: WebhookDelivery) -> None:
        with suppress(Unavailable):
            await deliverer.deliver_due()
            async with self.services.database.autocommit() as connection:
                batch, self._position = await self.services.audit_log.tail(connection, self._position)
            self.read += [event.id for event in batch]

    async def go_on(self) -> None:
        while True:
            await self._go_on(self.services.webhook_delivery)
            await asyncio.sleep(PAUSE)

    async def check(self, database_url: str) -> None:
        """That it has heard of everything in the log of this server, and of nothing else, once nobody writes any more.

        What a fault left with nobody to note it is free again half a minute later.
        """
        connection = await asyncpg.connect(database_url)
        try:
            log = [row["id"] for row in await connection.fetch("SELECT id FROM events ORDER BY written_in, id")]
            told = await connection.fetch("SELECT id FROM events WHERE type = $1", _TOLD_OF)
        finally:
            await connection.close()
        later = replace(self.services.webhook_delivery, clock=SetClock(SystemClock().now() + _LAPSED), _in_flight={})
        wanted = {str(row["id"]) for row in told}
        async with asyncio.timeout(PATIENCE):
            while self.read != log or self._told() != wanted:
                assert len(self.read) < len(log) or self.read == log, "the tail is not the log"
                await self._go_on(later)
        await later.stop()
        # Shown by `pytest -rP`.
        print(f"{len(log)} events read, {len(wanted)} delivered by {len(self.receiver.received)} attempts")

    def _told(self) -> set[str]:
        return {each.headers["webhook-id"] for each in self.receiver.received}


@asynccontextmanager
async def following(services: Services) -> AsyncIterator[Follower]:
    """From the start of the log on. At the end of the block it stops, and can be asked."""
    async with Receiver().running() as receiver:
        await services.webhooks.create(receiver.url, [_TOLD_OF], None, an_operator(services))
        follower = Follower(services, receiver)
        going = asyncio.create_task(follower.go_on())
        try:
            yield follower
        finally:
            going.cancel()
            await asyncio.wait([going])
            await services.webhook_delivery.stop()
