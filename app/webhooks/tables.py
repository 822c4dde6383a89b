"""The tables of webhooks: what is subscribed to, the secrets that sign, the deliveries, and who is next."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.types import UserDefinedType

from app.audit.tables import Xid8
from app.database.engine import metadata


class Snapshot(UserDefinedType[str]):
    """Which transactions were over at a moment (Postgres' pg_snapshot)."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "pg_snapshot"


webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("url", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("description", Text),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # It is told of what was committed after this, and has been told of what stands before the position.
    Column("enabled_in", Snapshot, nullable=False),
    Column("told_transaction", Xid8, nullable=False),
    Column("told_event_id", Uuid, nullable=False),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("webhook_id", Uuid, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    # Null for the newest.
    Column("ends_at", DateTime(timezone=True)),
    Index("webhook_secrets_webhook_id_idx", "webhook_id"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("webhook_id", Uuid, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    # Deliveries of one lane go out one after the other: that of an account, or of an event that has none.
    Column("lane", Uuid, nullable=False),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("event_id", Uuid, nullable=False),
    # The event of the log that it is made from: null for a test. No foreign key: events are swept.
    Column("logged_event_id", Uuid),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("last_attempt_at", DateTime(timezone=True)),
    CheckConstraint("status IN ('pending', 'delivered', 'failed')", name="status"),
)
PENDING = webhook_deliveries.c.status == "pending"
Index(
    "webhook_deliveries_pending_idx",
    webhook_deliveries.c.webhook_id,
    webhook_deliveries.c.lane,
    webhook_deliveries.c.position,
    postgresql_where=text("status = 'pending'"),
)
Index("webhook_deliveries_webhook_id_id_idx", webhook_deliveries.c.webhook_id, webhook_deliveries.c.id.desc())
Index("webhook_deliveries_created_at_idx", webhook_deliveries.c.created_at)

# A row for each lane that has something pending. Due lanes are found without a look at what waits behind them.
webhook_lanes = Table(
    "webhook_lanes",
    metadata,
    Column("webhook_id", Uuid, ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True),
    Column("lane", Uuid, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("claimed_until", DateTime(timezone=True)),
    Column("claims", Integer, nullable=False, server_default=text("0")),
    Index("webhook_lanes_webhook_id_due_at_idx", "webhook_id", "due_at"),
)
