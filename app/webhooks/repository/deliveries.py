"""The statements of deliveries: queueing what happened, claiming lanes, noting attempts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Row,
    Select,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    not_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.tables import SETTLED, TURNS_EPOCH, events
from app.database.engine import Connection
from app.kernel.page import PageOf, cut_page
from app.webhooks.domain import Claim, Delivery, DeliveryStatus, LoggedEvent
from app.webhooks.tables import PENDING, webhook_deliveries, webhook_lanes, webhooks

_SWEPT_AT_ONCE = 1000

# A claim takes the lanes that are due, some of each webhook, so that none of them waits behind another's crowd; and of
# each lane the delivery that is first. Nobody else sends it before the claim ends.
_CLAIM = text("""
    WITH due AS (
        SELECT lanes.webhook_id, lanes.lane
        FROM webhooks AS w CROSS JOIN LATERAL (
            SELECT webhook_id, lane FROM webhook_lanes
            WHERE webhook_id = w.id AND due_at <= :at AND (claimed_until IS NULL OR claimed_until <= :at)
            ORDER BY due_at LIMIT :each FOR UPDATE SKIP LOCKED) AS lanes
        WHERE w.enabled AND w.id <> ALL (CAST(:busy AS uuid[]))
    ), claimed AS (
        UPDATE webhook_lanes AS l SET claimed_until = :until, claims = l.claims + 1
        FROM due WHERE l.webhook_id = due.webhook_id AND l.lane = due.lane
        RETURNING l.webhook_id, l.lane, l.claims
    )
    SELECT c.webhook_id, c.lane, c.claims AS number, w.url,
        ARRAY(SELECT s.sealed_secret FROM webhook_secrets AS s
            WHERE s.webhook_id = c.webhook_id AND (s.ends_at IS NULL OR s.ends_at > :at)
            ORDER BY s.ends_at DESC NULLS FIRST) AS sealed_secrets,
        d.id AS delivery_id, d.event_id, d.type, d.attempts, d.created_at,
        e.id AS logged_id, e.type AS logged_type, e.account_id, e.occurred_at, e.client_id, e.details, a.external_id
    FROM claimed AS c
    JOIN webhooks AS w ON w.id = c.webhook_id
    CROSS JOIN LATERAL (
        SELECT * FROM webhook_deliveries
        WHERE webhook_id = c.webhook_id AND lane = c.lane AND status = 'pending'
        ORDER BY position LIMIT 1) AS d
    LEFT JOIN events AS e ON e.id = d.logged_event_id
    LEFT JOIN accounts AS a ON a.id = e.account_id
""").bindparams(bindparam("at", type_=DateTime(timezone=True)), bindparam("until", type_=DateTime(timezone=True)))


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


def _claim_of(row: Row[Any]) -> Claim:
    event = None
    if row.logged_id is not None:
        event = LoggedEvent(row.logged_id, row.logged_type, row.account_id, row.occurred_at, row.client_id, row.details)
    return Claim(
        webhook_id=row.webhook_id,
        lane=row.lane,
        number=row.number,
        url=row.url,
        sealed_secrets=row.sealed_secrets,
        delivery_id=row.delivery_id,
        event_id=row.event_id,
        type=row.type,
        attempts=row.attempts,
        created_at=row.created_at,
        event=event,
        external_id=row.external_id,
    )


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
            .with_for_update(skip_locked=True)
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
        common = {"webhook_id": webhook_id, "status": DeliveryStatus.PENDING, "created_at": at}
        if rows:
            await self.connection.execute(insert(webhook_deliveries), [{**row, **common} for row in rows])
            await self.open_lanes(webhook_id, {row["lane"] for row in rows}, at)

    async def open_lanes(self, webhook_id: UUID, lanes: Collection[UUID], at: datetime) -> None:
        """Locks them, so that nobody closes one meanwhile. A lane that is open keeps its time."""
        opened = upsert(webhook_lanes).values(
            [{"webhook_id": webhook_id, "lane": lane, "due_at": at} for lane in sorted(lanes)]
        )
        key = [webhook_lanes.c.webhook_id, webhook_lanes.c.lane]
        await self.connection.execute(
            opened.on_conflict_do_update(index_elements=key, set_={"due_at": webhook_lanes.c.due_at})
        )

    async def note_told(self, webhook_id: UUID, position: tuple[int, UUID]) -> None:
        told = {"told_transaction": position[0], "told_event_id": position[1]}
        await self.connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(told))


@dataclass(frozen=True)
class DeliveryRows:
    connection: Connection

    async def claim_due(self, at: datetime, *, until: datetime, each: int, busy: Collection[UUID]) -> Sequence[Claim]:
        """Up to `each` lanes of every enabled webhook that is not among the busy ones."""
        params = {"at": at, "until": until, "each": each, "busy": list(busy)}
        return [_claim_of(row) for row in await self.connection.execute(_CLAIM, params)]

    async def release(self, claim: Claim, *, due_at: datetime) -> bool:
        """Locks the lane; False, and nothing done, where the claim has lapsed and somebody else has made one."""
        mine = (
            (webhook_lanes.c.webhook_id == claim.webhook_id)
            & (webhook_lanes.c.lane == claim.lane)
            & (webhook_lanes.c.claims == claim.number)
        )
        released = update(webhook_lanes).where(mine).values(claimed_until=None, due_at=due_at)
        return (await self.connection.execute(released)).rowcount == 1

    async def note_attempt(self, claim: Claim, status: DeliveryStatus, at: datetime) -> None:
        attempted = update(webhook_deliveries).where(webhook_deliveries.c.id == claim.delivery_id, PENDING)
        values = {"status": status, "attempts": claim.attempts + 1, "last_attempt_at": at}
        await self.connection.execute(attempted.values(values))

    async def close_lane(self, claim: Claim) -> None:
        """Where nothing is pending any more. `release` has locked the lane, so nothing is being queued in it."""
        of_lane = (webhook_deliveries.c.webhook_id == claim.webhook_id) & (webhook_deliveries.c.lane == claim.lane)
        lane = (webhook_lanes.c.webhook_id == claim.webhook_id) & (webhook_lanes.c.lane == claim.lane)
        await self.connection.execute(delete(webhook_lanes).where(lane, ~exists().where(of_lane, PENDING)))

    async def lane_of(self, webhook_id: UUID, id: UUID) -> UUID | None:
        mine = (webhook_deliveries.c.id == id) & (webhook_deliveries.c.webhook_id == webhook_id)
        found: UUID | None = await self.connection.scalar(select(webhook_deliveries.c.lane).where(mine))
        return found

    async def retry_now(self, webhook_id: UUID, id: UUID, lane: UUID, at: datetime) -> None:
        """Whatever became of it before; one that is with its receiver at this moment is left there."""
        await QueueRows(self.connection).open_lanes(webhook_id, [lane], at)
        due = (webhook_lanes.c.webhook_id == webhook_id) & (webhook_lanes.c.lane == lane)
        await self.connection.execute(update(webhook_lanes).where(due).values(due_at=at))
        again = update(webhook_deliveries).where(webhook_deliveries.c.id == id)
        await self.connection.execute(again.values(status=DeliveryStatus.PENDING))

    async def page(self, webhook_id: UUID, *, after: UUID | None, limit: int) -> PageOf[Delivery]:
        """Newest first."""
        query = self._shown().where(webhook_deliveries.c.webhook_id == webhook_id)
        if after is not None:
            query = query.where(webhook_deliveries.c.id < after)
        query = query.order_by(webhook_deliveries.c.id.desc()).limit(limit + 1)
        rows = [self._delivery_of(row) for row in await self.connection.execute(query)]
        return cut_page(rows, limit, lambda delivery: delivery.id)

    async def with_id(self, id: UUID) -> Delivery:
        query = self._shown().where(webhook_deliveries.c.id == id)
        return self._delivery_of((await self.connection.execute(query)).one())

    @staticmethod
    def _shown() -> Select[Any]:
        own_lane = (webhook_lanes.c.webhook_id == webhook_deliveries.c.webhook_id) & (
            webhook_lanes.c.lane == webhook_deliveries.c.lane
        )
        return select(
            webhook_deliveries.c.id,
            webhook_deliveries.c.event_id,
            webhook_deliveries.c.type,
            webhook_deliveries.c.status,
            webhook_deliveries.c.attempts,
            webhook_deliveries.c.last_attempt_at,
            case((PENDING, webhook_lanes.c.due_at)).label("next_attempt_at"),
        ).select_from(webhook_deliveries.outerjoin(webhook_lanes, own_lane))

    @staticmethod
    def _delivery_of(row: Row[Any]) -> Delivery:
        return Delivery(
            id=row.id,
            event_id=row.event_id,
            type=row.type,
            status=DeliveryStatus(row.status),
            attempts=row.attempts,
            last_attempt_at=row.last_attempt_at,
            next_attempt_at=row.next_attempt_at,
        )

    async def sweep(self, *, before: datetime) -> int:
        """Removes up to a thousand that were settled and are older; returns how many."""
        old = select(webhook_deliveries.c.id).where(webhook_deliveries.c.created_at < before, ~PENDING)
        old = old.limit(_SWEPT_AT_ONCE)
        return (
            await self.connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.id.in_(old)))
        ).rowcount
