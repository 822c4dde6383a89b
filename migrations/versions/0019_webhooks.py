"""webhooks

Revision: 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


class _Native(sa.types.UserDefinedType[str]):
    """A type of Postgres' own that SQLAlchemy has no word for."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("enabled_in", _Native("pg_snapshot"), nullable=False),
        sa.Column("told_transaction", _Native("xid8"), nullable=False),
        sa.Column("told_event_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="webhooks_pkey"),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="webhook_secrets_pkey"),
        _of_webhook("webhook_secrets"),
    )
    op.create_index("webhook_secrets_webhook_id_idx", "webhook_secrets", ["webhook_id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("logged_event_id", sa.Uuid()),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
        _of_webhook("webhook_deliveries"),
        sa.CheckConstraint(
            "status IN ('pending', 'delivered', 'failed')", name=op.f("webhook_deliveries_status_check")
        ),
    )
    op.create_index(
        "webhook_deliveries_pending_idx",
        "webhook_deliveries",
        ["webhook_id", "lane", "position"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    newest_first: list[str | sa.ColumnElement[object]] = ["webhook_id", sa.literal_column("id DESC")]
    op.create_index("webhook_deliveries_webhook_id_id_idx", "webhook_deliveries", newest_first)
    op.create_index("webhook_deliveries_created_at_idx", "webhook_deliveries", ["created_at"])
    op.create_table(
        "webhook_lanes",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("lane", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("claims", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("webhook_id", "lane", name="webhook_lanes_pkey"),
        _of_webhook("webhook_lanes"),
    )
    op.create_index("webhook_lanes_webhook_id_due_at_idx", "webhook_lanes", ["webhook_id", "due_at"])


def _of_webhook(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=f"{table}_webhook_id_fkey", ondelete="CASCADE")


def downgrade() -> None:
    for table in ("webhook_lanes", "webhook_deliveries", "webhook_secrets", "webhooks"):
        op.drop_table(table)
