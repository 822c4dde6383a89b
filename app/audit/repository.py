"""The statements of the event log."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, ScalarSelect, Select, bindparam, delete, insert, literal_column, select, tuple_, update

from app.audit.domain import START_OF_LOG, Event, EventFilter, EventType, Position
from app.audit.tables import ANONYMOUS, COLUMNS, SETTLED, TURNS_EPOCH, Xid8, event_of, events
from app.database.compiled import CompiledStatement
from app.database.engine import Connection
from app.kernel.page import PageOf, cut_page

_SWEPT_AT_ONCE = 1000

_KNOWN = frozenset(EventType)
_by_time = tuple_(events.c.occurred_at, events.c.id)
_new = {each.name: bindparam(f"event_{each.name}", type_=each.type) for each in events.c if not each.server_default}
_record = CompiledStatement(insert(events).values(_new))
_record_all = CompiledStatement("""
    INSERT INTO events (id, account_id, type, occurred_at, ip, user_agent, details, client_id)
    SELECT id, account_id, type, occurred_at, ip, user_agent, CAST(details AS jsonb), client_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:account_ids AS uuid[]), CAST(:types AS text[]),
                CAST(:times AS timestamptz[]), CAST(:ips AS text[]), CAST(:user_agents AS text[]),
                CAST(:details AS text[]), CAST(:client_ids AS text[]))
        AS new (id, account_id, type, occurred_at, ip, user_agent, details, client_id)
""")


def _new_event(event: Event) -> dict[str, object]:
    return {
        "event_id": event.id,
        "event_account_id": event.account_id,
        "event_type": event.type,
        "event_occurred_at": event.occurred_at,
        "event_ip": event.requester.address,
        "event_user_agent": event.requester.user_agent,
        "event_details": event.details,
        "event_client_id": event.client_id,
    }


def _matching(wanted: EventFilter) -> Select[Any]:
    query: Select[Any] = select(*COLUMNS)
    if wanted.account_id is not None:
        query = query.where(events.c.account_id == wanted.account_id)
    if wanted.type is EventType.ACCOUNT_EPOCH_TURNED:
        query = query.where(TURNS_EPOCH)
    elif wanted.type is not None:
        query = query.where(events.c.type == wanted.type)
    if wanted.since is not None:
        query = query.where(events.c.occurred_at >= wanted.since)
    if wanted.before is not None:
        query = query.where(events.c.occurred_at < wanted.before)
    return query


def _time_of(id: UUID) -> ScalarSelect[datetime]:
    return select(events.c.occurred_at).where(events.c.id == id).scalar_subquery()


def _events_of(rows: Iterable[Row[Any]], wanted: EventFilter) -> Sequence[Event]:
    """While releases change, a newer one may have recorded what this one has no word for; that is left out."""
    found = [event_of(row) for row in rows if row.type in _KNOWN]
    if wanted.type is EventType.ACCOUNT_EPOCH_TURNED:
        return [turn for event in found if (turn := event.turn_of_epoch())]
    return found


@dataclass(frozen=True)
class EventRows:
    connection: Connection

    async def add(self, event: Event) -> None:
        await _record.all(self.connection, _new_event(event))

    async def add_all(self, many: Sequence[Event]) -> None:
        params = {
            "ids": [event.id for event in many],
            "account_ids": [event.account_id for event in many],
            "types": [event.type for event in many],
            "times": [event.occurred_at for event in many],
            "ips": [event.requester.address for event in many],
            "user_agents": [event.requester.user_agent for event in many],
            "details": [json.dumps(event.details) for event in many],
            "client_ids": [event.client_id for event in many],
        }
        if many:
            await _record_all.all(self.connection, params)

    async def page(self, wanted: EventFilter, *, after: UUID | None, limit: int) -> PageOf[Event]:
        """Newest first; `after` is the last id of the page before.

        A window is read in the order of its index: by id, all that happened in it would have to be sorted.
        """
        query = _matching(wanted).limit(limit + 1)
        if wanted.has_window:
            query = query.order_by(events.c.occurred_at.desc(), events.c.id.desc())
            if after is not None:
                query = query.where(_by_time < tuple_(_time_of(after), after))
        else:
            query = query.order_by(events.c.id.desc())
            if after is not None:
                query = query.where(events.c.id < after)
        page = cut_page(list(await self.connection.execute(query)), limit, lambda row: row.id)
        return PageOf(_events_of(page.items, wanted), page.next_after)

    async def oldest(
        self, wanted: EventFilter, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> tuple[Sequence[Event], tuple[datetime, UUID] | None]:
        """Oldest first, with where to go on: None at the end. `after` is where the batch before ended."""
        query = _matching(wanted).order_by(events.c.occurred_at, events.c.id).limit(limit)
        if after is not None:
            query = query.where(_by_time > after)
        rows = list(await self.connection.execute(query))
        return _events_of(rows, wanted), (rows[-1].occurred_at, rows[-1].id) if len(rows) == limit else None

    async def end(self) -> Position:
        """Behind everything that no running transaction can still precede."""
        xmin = select(literal_column("pg_snapshot_xmin(pg_current_snapshot())", Xid8))
        return Position((await self.connection.execute(xmin)).scalar_one(), START_OF_LOG.id)

    async def position_of(self, id: UUID) -> Position | None:
        written_in = await self.connection.scalar(select(events.c.written_in).where(events.c.id == id))
        return Position(written_in, id) if written_in is not None else None

    async def tail(self, after: Position, *, limit: int) -> tuple[Sequence[Event], Position]:
        """What was committed behind a position, in the order of the transactions, and the position behind that.

        It ends before the oldest transaction that still runs: nothing that commits late is passed over.
        """
        query = (
            select(*COLUMNS, events.c.written_in)
            .where(tuple_(events.c.written_in, events.c.id) > tuple_(*_params_of(after)), SETTLED)
            .order_by(events.c.written_in, events.c.id)
            .limit(limit)
        )
        rows: Sequence[Row[Any]] = list(await self.connection.execute(query))
        return _events_of(rows, EventFilter()), Position(rows[-1].written_in, rows[-1].id) if rows else after

    async def held_back_since(self) -> datetime | None:
        """When the first event was recorded that `tail` does not tell of yet; None where it tells of everything."""
        waiting = select(events.c.occurred_at).where(~SETTLED).order_by(events.c.written_in, events.c.id).limit(1)
        found: datetime | None = await self.connection.scalar(waiting)
        return found

    async def depersonalise(self, account_id: UUID) -> None:
        """Leaves that something happened and when, and nothing about the person."""
        statement = update(events).where(events.c.account_id == account_id)
        await self.connection.execute(statement.values(ip=None, user_agent=None, details={}))

    async def sweep_anonymous(self, *, before: datetime) -> int:
        """As `sweep`, of failed log-ins to no account: whoever sends them chooses how many there are."""
        anonymous = select(events.c.id).where(ANONYMOUS, events.c.occurred_at < before).limit(_SWEPT_AT_ONCE)
        return (await self.connection.execute(delete(events).where(events.c.id.in_(anonymous)))).rowcount

    async def sweep(self, *, before: datetime) -> int:
        """Removes up to a thousand events that are older; returns how many."""
        old = select(events.c.id).where(events.c.occurred_at < before).limit(_SWEPT_AT_ONCE)
        return (await self.connection.execute(delete(events).where(events.c.id.in_(old)))).rowcount


def _params_of(position: Position) -> Sequence[Any]:
    return bindparam("xid", position.transaction, type_=Xid8), bindparam("id", position.id, type_=events.c.id.type)
