"""The audit log: every module records here what happened, in the transaction in which it happened."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.audit.details import OUR_REASONS
from app.audit.domain import Event, EventFilter, EventType, Position
from app.audit.repository import EventRows
from app.database.engine import Connection, Database
from app.kernel.page import PageOf
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.observability.metrics import Counter, Gauge

# Failed log-ins to addresses without an account. Strangers make them, in any number.
_ANONYMOUS_KEPT = timedelta(days=7)
_STREAMED_AT_ONCE = 500
_events = Counter(
    "twokeys_events",
    "What was recorded, by type and reason: refused codes, revocations, and the rest.",
    ("type", "reason"),
)
_held_back = Gauge(
    "twokeys_events_held_back_seconds",
    "How long an event has waited at the tail for a transaction that began before it.",
    multiprocess_mode="mostrecent",
)


@dataclass(frozen=True)
class AuditLog:
    retention: timedelta

    async def sweep(self, connection: Connection, at: datetime) -> None:
        while await EventRows(connection).sweep_anonymous(before=at - _ANONYMOUS_KEPT):
            pass
        while await EventRows(connection).sweep(before=at - self.retention):
            pass

    async def record(
        self,
        connection: Connection,
        type: EventType,
        context: RequestContext,
        *,
        account_id: UUID | None,
        **details: object,
    ) -> None:
        """`details` are what JSON can hold: how and why, never a secret."""
        event = Event.of(new_id(), account_id, type, context, details)
        await EventRows(connection).add(event)
        self.count(event)

    async def record_all(self, connection: Connection, events: Sequence[Event]) -> None:
        """Many at once, for what is done in bulk."""
        await EventRows(connection).add_all(events)
        for event in events:
            self.count(event)

    @staticmethod
    def count(event: Event) -> None:
        """For the metrics; `record` does it by itself."""
        reason = str(event.details.get("reason", "")) if event.type in OUR_REASONS else ""
        _events.labels(event.type.value, reason).inc()

    @staticmethod
    async def measure_tail(connection: Connection, at: datetime) -> None:
        """For the metrics: what is committed and not yet told of, since an older transaction still runs."""
        since = await EventRows(connection).held_back_since()
        _held_back.set(max(0.0, (at - since).total_seconds()) if since else 0.0)

    async def forget(self, connection: Connection, account_id: UUID) -> None:
        """The account is deleted: its events keep nothing personal."""
        await EventRows(connection).depersonalise(account_id)

    async def events_of(
        self, connection: Connection, account_id: UUID, *, after: UUID | None, limit: int
    ) -> PageOf[Event]:
        return await EventRows(connection).page(EventFilter(account_id), after=after, limit=limit)

    async def all_events(
        self, connection: Connection, wanted: EventFilter, *, after: UUID | None, limit: int
    ) -> PageOf[Event]:
        """Newest first."""
        return await EventRows(connection).page(wanted, after=after, limit=limit)

    async def stream(self, database: Database, wanted: EventFilter) -> AsyncIterator[Sequence[Event]]:
        """All of them in batches, oldest first. No connection is held between two batches."""
        after: tuple[datetime, UUID] | None = None
        while True:
            async with database.autocommit() as connection:
                batch, after = await EventRows(connection).oldest(wanted, after=after, limit=_STREAMED_AT_ONCE)
            yield batch
            if after is None:
                return

    async def end(self, connection: Connection) -> Position:
        """Where `tail` begins with what comes."""
        return await EventRows(connection).end()

    async def position_of(self, connection: Connection, id: UUID) -> Position:
        """Behind this event. Raises NotFound."""
        position = await EventRows(connection).position_of(id)
        if position is None:
            raise NotFound
        return position

    async def tail(self, connection: Connection, after: Position) -> tuple[Sequence[Event], Position]:
        """The next batch behind a position, and where it ends. What is committed later is never passed over."""
        return await EventRows(connection).tail(after, limit=_STREAMED_AT_ONCE)
