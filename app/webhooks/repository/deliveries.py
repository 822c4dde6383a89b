"""The statements of deliveries: claiming lanes, noting attempts, and how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Row,
    Select,
    case,
    delete,
    select,
    update,
)

from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection
from app.kernel.page import PageOf, cut_page
from app.webhooks.domain import Claim, Delivery, DeliveryStatus, LoggedEvent, Outcome
from app.webhooks.repository.queue import QueueRows
from app.webhooks.tables import PENDING, webhook_deliveries, webhook_lanes

_SWEPT_AT_ONCE = 1000

# A claim takes the lanes that are due, some of each webhook, so that none of them waits behind another's crowd; and of
# each lane the delivery that is first. Nobody else sends it before the claim ends.
_CLAIM = CompiledStatement("""
    WITH due AS (
        SELECT lanes.webhook_id, lanes.lane
        FROM webhooks AS w
        LEFT JOIN unnest(CAST(:busy AS uuid[]), CAST(:counts AS integer[])) AS busy (id, count) ON busy.id = w.id
        CROSS JOIN LATERAL (
            SELECT webhook_id, lane FROM webhook_lanes
            WHERE webhook_id = w.id AND due_at <= :at AND (claimed_until IS NULL OR claimed_until <= :at)
            ORDER BY due_at LIMIT greatest(0, :most - coalesce(busy.count, 0)) FOR UPDATE SKIP LOCKED) AS lanes
        WHERE w.enabled
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
""")
# A webhook that is being removed comes before its lanes, as it does for whoever removes it.
_LOCK_WEBHOOKS = CompiledStatement("""
    SELECT id FROM webhooks WHERE id = ANY (CAST(:webhook_ids AS uuid[])) ORDER BY id FOR KEY SHARE
""")
_LOCK_LANES = CompiledStatement("""
    SELECT l.webhook_id, l.lane, l.claims
    FROM unnest(CAST(:webhook_ids AS uuid[]), CAST(:lanes AS uuid[])) AS claimed (webhook_id, lane)
    JOIN webhook_lanes AS l ON l.webhook_id = claimed.webhook_id AND l.lane = claimed.lane
    ORDER BY l.webhook_id, l.lane FOR UPDATE OF l
""")
_NOTE_ATTEMPTS = CompiledStatement("""
    UPDATE webhook_deliveries AS d SET status = tried.status, attempts = tried.attempts, last_attempt_at = :at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:attempts AS integer[]))
        AS tried (id, status, attempts)
    WHERE d.id = tried.id AND d.status = 'pending'
""")
_RELEASE = CompiledStatement("""
    UPDATE webhook_lanes AS l SET claimed_until = NULL, due_at = claimed.due_at
    FROM unnest(CAST(:webhook_ids AS uuid[]), CAST(:lanes AS uuid[]), CAST(:due_ats AS timestamptz[]))
        AS claimed (webhook_id, lane, due_at)
    WHERE l.webhook_id = claimed.webhook_id AND l.lane = claimed.lane
""")
_CLOSE = CompiledStatement("""
    DELETE FROM webhook_lanes AS l
    USING unnest(CAST(:webhook_ids AS uuid[]), CAST(:lanes AS uuid[])) AS claimed (webhook_id, lane)
    WHERE l.webhook_id = claimed.webhook_id AND l.lane = claimed.lane AND NOT EXISTS (
        SELECT FROM webhook_deliveries AS d
        WHERE d.webhook_id = l.webhook_id AND d.lane = l.lane AND d.status = 'pending')
""")


def _claim_of(row: Record) -> Claim:
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


def _lanes_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "webhook_ids": [each.claim.webhook_id for each in outcomes],
        "lanes": [each.claim.lane for each in outcomes],
    }


@dataclass(frozen=True)
class DeliveryRows:
    connection: Connection

    async def claim_due(
        self, at: datetime, *, until: datetime, most: int, in_flight: Mapping[UUID, int]
    ) -> Sequence[Claim]:
        """Lanes of every enabled webhook, up to `most` with those of it that are in flight."""
        busy = {"busy": list(in_flight), "counts": list(in_flight.values())}
        rows = await _CLAIM.all(self.connection, {"at": at, "until": until, "most": most, **busy})
        return [_claim_of(row) for row in rows]

    async def lock_claimed(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Locks their lanes; those whose claim has lapsed and somebody else has made one are left out."""
        params = _lanes_of(outcomes)
        await _LOCK_WEBHOOKS.all(self.connection, params)
        rows = await _LOCK_LANES.all(self.connection, params)
        newest = {(row.webhook_id, row.lane): row.claims for row in rows}
        claims = [(each, each.claim) for each in outcomes]
        return [each for each, claim in claims if newest.get((claim.webhook_id, claim.lane)) == claim.number]

    async def note_attempts(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        params = {
            "at": at,
            "ids": [each.claim.delivery_id for each in outcomes],
            "statuses": [each.status for each in outcomes],
            "attempts": [each.claim.attempts + 1 for each in outcomes],
        }
        await _NOTE_ATTEMPTS.all(self.connection, params)

    async def release(self, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Closes the lanes that have nothing pending any more. They are locked, so nothing is being queued in them."""
        params = _lanes_of(outcomes)
        due_ats = [at + each.wait if each.wait else at for each in outcomes]
        await _CLOSE.all(self.connection, params)
        await _RELEASE.all(self.connection, params | {"due_ats": due_ats})

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
