"""The events table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Column,
    DateTime,
    Index,
    Row,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.audit.domain import Event, EventType
from app.database.compiled import CompiledStatement
from app.database.engine import Connection, metadata
from app.kernel.page import PageOf, cut_page
from app.kernel.requester import Requester

_SWEPT_AT_ONCE = 1000

events = Table(
    "events",
    metadata,
    Column("id", Uuid, primary_key=True),
    # No foreign key: the events of a deleted account keep its id.
    Column("account_id", Uuid),
    Column("type", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("details", JSONB, nullable=False),
    Column("client_id", Text),
)
Index("events_account_id_id_idx", events.c.account_id, events.c.id.desc())
Index("events_type_id_idx", events.c.type, events.c.id.desc())
# For the sweep alone. Events arrive in the order of time, so a few pages of summary do.
Index("events_occurred_at_idx", events.c.occurred_at, postgresql_using="brin")
_anonymous = events.c.account_id.is_(None) & (events.c.type == literal_column(f"'{EventType.LOGIN_FAILED}'"))
Index("events_anonymous_idx", events.c.occurred_at, postgresql_where=_anonymous)

_EVENT = (
    events.c.id,
    events.c.account_id,
    events.c.type,
    events.c.occurred_at,
    events.c.ip,
    events.c.user_agent,
    events.c.details,
    events.c.client_id,
)

_KNOWN = frozenset(EventType)
_new = {each.name: bindparam(f"event_{each.name}", type_=each.type) for each in events.c}
_record = CompiledStatement(insert(events).values(_new))


def recording(locked: CTE) -> CTE:
    """`EventRows.add` as a part of another statement, done only where `locked` finds the account."""
    return insert(events).from_select(list(_new), select(*_new.values()).select_from(locked)).cte("recorded")


def new_event(event: Event) -> Mapping[str, object]:
    """What `recording` asks for."""
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


def _event_of(row: Row[Any]) -> Event:
    requester = Requester(row.ip, row.user_agent)
    kind = EventType(row.type)
    return Event(row.id, row.account_id, kind, row.occurred_at, requester, row.details, row.client_id)


@dataclass(frozen=True)
class EventRows:
    connection: Connection

    async def add(self, event: Event) -> None:
        await _record.all(self.connection, new_event(event))

    async def add_all(self, many: Sequence[Event]) -> None:
        rows = [{name.removeprefix("event_"): value for name, value in new_event(event).items()} for event in many]
        if rows:
            await self.connection.execute(insert(events), rows)

    async def page(
        self, *, account_id: UUID | None, type: EventType | None, after: UUID | None, limit: int
    ) -> PageOf[Event]:
        """Newest first; `after` is the last id of the page before."""
        query: Select[Any] = select(*_EVENT).order_by(events.c.id.desc()).limit(limit + 1)
        if account_id is not None:
            query = query.where(events.c.account_id == account_id)
        if type is not None:
            query = query.where(events.c.type == type)
        if after is not None:
            query = query.where(events.c.id < after)
        page = cut_page(list(await self.connection.execute(query)), limit, lambda row: row.id)
        # While releases change, a newer one may have recorded what this one has no word for.
        return PageOf([_event_of(row) for row in page.items if row.type in _KNOWN], page.next_after)

    async def depersonalise(self, account_id: UUID) -> None:
        """Leaves that something happened and when, and nothing about the person."""
        statement = update(events).where(events.c.account_id == account_id)
        await self.connection.execute(statement.values(ip=None, user_agent=None, details={}))

    async def sweep_anonymous(self, *, before: datetime) -> int:
        """As `sweep`, of failed log-ins to no account: whoever sends them chooses how many there are."""
        anonymous = select(events.c.id).where(_anonymous, events.c.occurred_at < before).limit(_SWEPT_AT_ONCE)
        return (await self.connection.execute(delete(events).where(events.c.id.in_(anonymous)))).rowcount

    async def sweep(self, *, before: datetime) -> int:
        """Removes up to a thousand events that are older; returns how many."""
        old = select(events.c.id).where(events.c.occurred_at < before).limit(_SWEPT_AT_ONCE)
        return (await self.connection.execute(delete(events).where(events.c.id.in_(old)))).rowcount
