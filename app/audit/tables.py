"""The events table, and what modules above may read of it."""

from typing import Any

from sqlalchemy import Column, DateTime, Index, Row, Table, Text, Uuid, literal_column, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

from app.audit.domain import Event, EventType
from app.database.engine import metadata
from app.kernel.requester import Requester


class Xid8(UserDefinedType[int]):
    """The number of a transaction, which never comes again (Postgres' xid8)."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


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
    # Postgres fills it in, so that recording stays one statement (ADR 20).
    Column("written_in", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
)
Index("events_account_id_id_idx", events.c.account_id, events.c.id.desc())
Index("events_type_id_idx", events.c.type, events.c.id.desc())
Index("events_occurred_at_id_idx", events.c.occurred_at, events.c.id)
Index("events_written_in_id_idx", events.c.written_in, events.c.id)
ANONYMOUS = events.c.account_id.is_(None) & (events.c.type == literal_column(f"'{EventType.LOGIN_FAILED}'"))
Index("events_anonymous_idx", events.c.occurred_at, postgresql_where=ANONYMOUS)
# Spelled out, as in the condition of its index.
TURNS_EPOCH = events.c.details.has_key(literal_column("'epoch'")) | (
    events.c.type == literal_column(f"'{EventType.ACCOUNT_DELETED}'")
)
Index("events_turns_epoch_idx", events.c.id.desc(), postgresql_where=TURNS_EPOCH)

COLUMNS = (
    events.c.id,
    events.c.account_id,
    events.c.type,
    events.c.occurred_at,
    events.c.ip,
    events.c.user_agent,
    events.c.details,
    events.c.client_id,
)
SETTLED = events.c.written_in < literal_column("pg_snapshot_xmin(pg_current_snapshot())", Xid8)
"""Below the oldest transaction that still runs: nothing can appear there any more."""


def event_of(row: Row[Any]) -> Event:
    requester = Requester(row.ip, row.user_agent)
    kind = EventType(row.type)
    return Event(row.id, row.account_id, kind, row.occurred_at, requester, row.details, row.client_id)
