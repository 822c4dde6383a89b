"""The statements of the queue: from the log into the lanes of each webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, func, not_, select, tuple_, update

from app.audit.tables import SETTLED, TURNS_EPOCH, events
from app.database.compiled import CompiledStatement
from app.database.engine import Connection
from app.webhooks.tables import webhooks

_QUEUE = CompiledStatement("""
    INSERT INTO webhook_deliveries (id, webhook_id, lane, event_id, logged_event_id, type, status, created_at)
    SELECT id, CAST(:webhook_id AS uuid), lane, event_id, logged_event_id, type, 'pending', CAST(:at AS timestamptz)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:lanes AS uuid[]), CAST(:event_ids AS uuid[]),
                CAST(:logged_event_ids AS uuid[]), CAST(:types AS text[]))
        WITH ORDINALITY AS queued (id, lane, event_id, logged_event_id, type, place)
    ORDER BY place
""")
# In one order, so that two processes don't deadlock.
_OPEN_LANES = CompiledStatement("""
    INSERT INTO webhook_lanes (webhook_id, lane, due_at)
    SELECT DISTINCT CAST(:webhook_id AS uuid), lane, CAST(:at AS timestamptz)
    FROM unnest(CAST(:lanes AS uuid[])) AS opened (lane) ORDER BY lane
    ON CONFLICT (webhook_id, lane) DO UPDATE SET due_at = webhook_lanes.due_at
""")


@dataclass(frozen=True)
class Telling:
    """A webhook that nobody else queues for, and the position up to which it has been told."""

    types: Sequence[str]
    position: tuple[int, UUID]


@dataclass(frozen=True)
class News:
    """What stands at the next place of the log; it is wanted only where the webhook was enabled by then."""

    id: UUID
    type: str
    account_id: UUID | None
    turns_epoch: bool
    after_enabling: bool
    position: tuple[int, UUID]


@dataclass(frozen=True)
class QueueRows:
    """From the log into the lanes of one webhook."""

    connection: Connection

    async def behind(self) -> Sequence[UUID]:
        """The webhooks that have not been told of everything that is settled."""
        told = tuple_(webhooks.c.told_transaction, webhooks.c.told_event_id)
        news = exists().where(tuple_(events.c.written_in, events.c.id) > told, SETTLED)
        return list(await self.connection.scalars(select(webhooks.c.id).where(webhooks.c.enabled, news)))

    async def lock(self, webhook_id: UUID) -> Telling | None:
        """None where another process is at it, and where the webhook is disabled or gone."""
        query = (
            select(webhooks.c.types, webhooks.c.told_transaction, webhooks.c.told_event_id)
            .where(webhooks.c.id == webhook_id, webhooks.c.enabled)
            .with_for_update(skip_locked=True, key_share=True)
        )
        row = (await self.connection.execute(query)).first()
        return Telling(row.types, (row.told_transaction, row.told_event_id)) if row else None

    async def news(self, webhook_id: UUID, after: tuple[int, UUID], *, limit: int) -> Sequence[News]:
        told = tuple_(
            bindparam("transaction", after[0], type_=events.c.written_in.type),
            bindparam("event_id", after[1], type_=events.c.id.type),
        )
        seen = func.pg_visible_in_snapshot(events.c.written_in, webhooks.c.enabled_in)
        query = (
            select(events.c.id, events.c.type, events.c.account_id, TURNS_EPOCH, not_(seen), events.c.written_in)
            .join(webhooks, webhooks.c.id == webhook_id)
            .where(tuple_(events.c.written_in, events.c.id) > told, SETTLED)
            .order_by(events.c.written_in, events.c.id)
            .limit(limit)
        )
        return [News(*row[:5], (row[5], row[0])) for row in await self.connection.execute(query)]

    async def add(self, webhook_id: UUID, rows: Sequence[Mapping[str, Any]], at: datetime) -> None:
        """In this order. Each has `id`, `lane`, `event_id`, `logged_event_id` and `type`."""
        if rows:
            columns = {f"{name}s": [row[name] for row in rows] for name in rows[0]}
            await _QUEUE.all(self.connection, {"webhook_id": webhook_id, "at": at, **columns})
            await self.open_lanes(webhook_id, columns["lanes"], at)

    async def open_lanes(self, webhook_id: UUID, lanes: Sequence[UUID], at: datetime) -> None:
        """Locks them, so that nobody closes one meanwhile. A lane that is open keeps its time."""
        await _OPEN_LANES.all(self.connection, {"webhook_id": webhook_id, "lanes": lanes, "at": at})

    async def note_told(self, webhook_id: UUID, position: tuple[int, UUID]) -> None:
        told = {"told_transaction": position[0], "told_event_id": position[1]}
        await self.connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(told))
