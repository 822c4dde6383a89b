"""The statements of webhooks and their secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, insert, literal_column, select, update

from app.audit.domain import START_OF_LOG
from app.audit.tables import Xid8
from app.database.engine import Connection
from app.kernel.page import PageOf, cut_page
from app.webhooks.domain import Webhook, WebhookChange
from app.webhooks.tables import Snapshot, webhook_secrets, webhooks

_WEBHOOK = (
    webhooks.c.id,
    webhooks.c.url,
    webhooks.c.types,
    webhooks.c.description,
    webhooks.c.enabled,
    webhooks.c.created_at,
)
_FROM_NOW_ON: dict[str, Any] = {
    "enabled_in": literal_column("pg_current_snapshot()", Snapshot),
    "told_transaction": literal_column("pg_snapshot_xmin(pg_current_snapshot())", Xid8),
    "told_event_id": START_OF_LOG.id,
}


def _webhook_of(row: Row[*tuple[Any, ...]]) -> Webhook:
    return Webhook(row.id, row.url, row.types, row.description, row.enabled, row.created_at)


@dataclass(frozen=True)
class WebhookRows:
    connection: Connection

    async def add(self, webhook: Webhook) -> None:
        await self.connection.execute(insert(webhooks).values(**vars(webhook), **_FROM_NOW_ON))

    async def with_id(self, id: UUID) -> Webhook | None:
        row = (await self.connection.execute(select(*_WEBHOOK).where(webhooks.c.id == id))).first()
        return _webhook_of(row) if row else None

    async def lock(self, id: UUID) -> Webhook | None:
        query = select(*_WEBHOOK).where(webhooks.c.id == id).with_for_update()
        row = (await self.connection.execute(query)).first()
        return _webhook_of(row) if row else None

    async def page(self, *, after: UUID | None, limit: int) -> PageOf[Webhook]:
        query: Select[Any] = select(*_WEBHOOK).order_by(webhooks.c.id.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(webhooks.c.id < after)
        rows = [_webhook_of(row) for row in await self.connection.execute(query)]
        return cut_page(rows, limit, lambda webhook: webhook.id)

    async def change(self, webhook: Webhook, change: WebhookChange) -> Webhook:
        """One that is enabled again is told of what happens from now on."""
        values: dict[str, Any] = {
            name: value
            for name in ("url", "types", "enabled", "description")
            if (value := getattr(change, name)) is not None
        }
        if change.clears_description:
            values["description"] = None
        if change.enabled and not webhook.enabled:
            values |= _FROM_NOW_ON
        if not values:
            return webhook
        changed = update(webhooks).where(webhooks.c.id == webhook.id).values(**values).returning(*_WEBHOOK)
        return _webhook_of((await self.connection.execute(changed)).one())

    async def disable(self, id: UUID) -> bool:
        """False where it was disabled already, or is gone."""
        statement = update(webhooks).where(webhooks.c.id == id, webhooks.c.enabled).values(enabled=False)
        return (await self.connection.execute(statement)).rowcount == 1

    async def remove(self, id: UUID) -> bool:
        return (await self.connection.execute(delete(webhooks).where(webhooks.c.id == id))).rowcount == 1


@dataclass(frozen=True)
class SecretRows:
    connection: Connection

    async def add(self, id: UUID, webhook_id: UUID, sealed: bytes) -> None:
        values = {"id": id, "webhook_id": webhook_id, "sealed_secret": sealed}
        await self.connection.execute(insert(webhook_secrets).values(values))

    async def end_newest(self, webhook_id: UUID, at: datetime) -> None:
        newest = (webhook_secrets.c.webhook_id == webhook_id) & webhook_secrets.c.ends_at.is_(None)
        await self.connection.execute(update(webhook_secrets).where(newest).values(ends_at=at))

    async def delete_ended(self, at: datetime) -> None:
        await self.connection.execute(delete(webhook_secrets).where(webhook_secrets.c.ends_at <= at))

    async def count(self) -> int:
        return (await self.connection.execute(select(func.count()).select_from(webhook_secrets))).scalar_one()

    async def sealed_after(self, id: UUID | None, *, limit: int) -> Sequence[tuple[UUID, UUID, bytes]]:
        query = select(webhook_secrets.c.id, webhook_secrets.c.webhook_id, webhook_secrets.c.sealed_secret)
        if id is not None:
            query = query.where(webhook_secrets.c.id > id)
        rows = await self.connection.execute(query.order_by(webhook_secrets.c.id).limit(limit))
        return [(row.id, row.webhook_id, row.sealed_secret) for row in rows]

    async def reseal(self, id: UUID, *, old: bytes, new: bytes) -> bool:
        same = (webhook_secrets.c.id == id) & (webhook_secrets.c.sealed_secret == old)
        statement = update(webhook_secrets).where(same).values(sealed_secret=new)
        return (await self.connection.execute(statement)).rowcount == 1
