"""The verbs of webhooks: operators make, change, test and watch them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import SecretStr

from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.page import PageOf
from app.kernel.randomness import new_id, random_bytes
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.security.secret_box import SecretBox
from app.webhooks.domain import (
    OVERLAP,
    SECRET_BYTES,
    TEST,
    Delivery,
    Webhook,
    WebhookChange,
    read_types,
    write_secret,
)
from app.webhooks.repository import DeliveryRows, QueueRows, SecretRows, WebhookRows
from app.webhooks.targets import TargetRules

# What became of a delivery can be looked up for this long.
_SETTLED_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Webhooks:
    database: Database
    clock: Clock
    secret_box: SecretBox
    rules: TargetRules
    audit_log: AuditLog

    async def create(
        self, url: str, types: Sequence[str], description: str | None, context: RequestContext, *, enabled: bool = True
    ) -> tuple[Webhook, SecretStr]:
        """It is told of what is committed from now on. The secret is shown once. Raises FieldError."""
        self.rules.check(url)
        webhook = Webhook(new_id(), url, read_types(types), description, enabled, context.at)
        async with self.database.transaction() as connection:
            await WebhookRows(connection).add(webhook)
            secret = await self._add_secret(connection, webhook.id)
            await self._record(connection, EventType.WEBHOOK_CREATED, webhook.id, context)
        return webhook, secret

    async def page(self, *, after: UUID | None, limit: int) -> PageOf[Webhook]:
        """Newest first."""
        async with self.database.autocommit() as connection:
            return await WebhookRows(connection).page(after=after, limit=limit)

    async def get(self, id: UUID) -> Webhook:
        """Raises NotFound."""
        async with self.database.autocommit() as connection:
            webhook = await WebhookRows(connection).with_id(id)
        if webhook is None:
            raise NotFound
        return webhook

    async def change(self, id: UUID, change: WebhookChange, context: RequestContext) -> Webhook:
        """What waits goes to the new address; types count for what happens from now on. Raises FieldError, NotFound."""
        if change.url is not None:
            self.rules.check(change.url)
        if change.types is not None:
            read_types(change.types)
        async with self.database.transaction() as connection:
            before = await self._lock(connection, id)
            webhook = await WebhookRows(connection).change(before, change)
            if webhook != before:
                await self._record(connection, EventType.WEBHOOK_UPDATED, id, context)
        return webhook

    async def delete(self, id: UUID, context: RequestContext) -> None:
        """With its deliveries. Raises NotFound."""
        async with self.database.transaction() as connection:
            if not await WebhookRows(connection).remove(id):
                raise NotFound
            await self._record(connection, EventType.WEBHOOK_DELETED, id, context)

    async def rotate_secret(self, id: UUID, context: RequestContext) -> SecretStr:
        """The one before signs as well for a day. Raises NotFound."""
        async with self.database.transaction() as connection:
            await self._lock(connection, id)
            await SecretRows(connection).end_newest(id, context.at + OVERLAP)
            secret = await self._add_secret(connection, id)
            await self._record(connection, EventType.WEBHOOK_SECRET_ROTATED, id, context)
        return secret

    async def test(self, id: UUID) -> Delivery:
        """Queues an event that nothing has caused. Raises NotFound."""
        at, delivery_id, event_id = self.clock.now(), new_id(), new_id()
        row = {"id": delivery_id, "lane": event_id, "event_id": event_id, "logged_event_id": None, "type": TEST}
        async with self.database.transaction() as connection:
            await self._lock(connection, id)
            await QueueRows(connection).add(id, [row], at)
            return await DeliveryRows(connection).with_id(delivery_id)

    async def deliveries(self, id: UUID, *, after: UUID | None, limit: int) -> PageOf[Delivery]:
        """Newest first. Raises NotFound."""
        async with self.database.autocommit() as connection:
            if await WebhookRows(connection).with_id(id) is None:
                raise NotFound
            return await DeliveryRows(connection).page(id, after=after, limit=limit)

    async def retry(self, id: UUID, delivery_id: UUID) -> Delivery:
        """At once, whatever became of it before. Raises NotFound."""
        async with self.database.transaction() as connection:
            await self._lock(connection, id)
            rows = DeliveryRows(connection)
            lane = await rows.lane_of(id, delivery_id)
            if lane is None:
                raise NotFound
            await rows.retry_now(id, delivery_id, lane, self.clock.now())
            return await rows.with_id(delivery_id)

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await SecretRows(connection).delete_ended(at)
        while await DeliveryRows(connection).sweep(before=at - _SETTLED_KEPT):
            pass

    async def count_sealed(self, connection: Connection) -> int:
        return await SecretRows(connection).count()

    async def sealed_after(
        self, connection: Connection, id: UUID | None, *, limit: int
    ) -> Sequence[tuple[UUID, UUID, bytes]]:
        """Secrets in the order of their ids: the id, of which webhook, and what is sealed."""
        return await SecretRows(connection).sealed_after(id, limit=limit)

    async def reseal(self, connection: Connection, id: UUID, *, old: bytes, new: bytes) -> bool:
        """False where the secret is no longer sealed as it was read."""
        return await SecretRows(connection).reseal(id, old=old, new=new)

    @staticmethod
    async def _lock(connection: Connection, id: UUID) -> Webhook:
        """Raises NotFound."""
        webhook = await WebhookRows(connection).lock(id)
        if webhook is None:
            raise NotFound
        return webhook

    async def _add_secret(self, connection: Connection, webhook_id: UUID) -> SecretStr:
        key = random_bytes(SECRET_BYTES)
        await SecretRows(connection).add(new_id(), webhook_id, self.secret_box.seal(key, owner=webhook_id))
        return SecretStr(write_secret(key))

    async def _record(self, connection: Connection, type: EventType, id: UUID, context: RequestContext) -> None:
        await self.audit_log.record(connection, type, context, account_id=None, webhook_id=str(id))
