"""the tail of the events

Revision: 0014, after 0013. The release before names the columns that it fills in, so Postgres fills in this one.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_MADE = {"events_written_in_id_idx": ["written_in", "id"], "events_occurred_at_id_idx": ["occurred_at", "id"]}
_DROPPED = "events_occurred_at_idx"


def upgrade() -> None:
    # A default that does not change within a statement is kept beside the old rows: none of them is written.
    op.execute("ALTER TABLE events ADD COLUMN IF NOT EXISTS written_in xid8 NOT NULL DEFAULT pg_current_xact_id()")
    with op.get_context().autocommit_block():
        for name, columns in _MADE.items():
            # What a broken-off attempt may have left.
            op.drop_index(name, table_name="events", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "events", columns, postgresql_concurrently=True)
        op.drop_index(_DROPPED, table_name="events", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.create_index(_DROPPED, "events", ["occurred_at"], postgresql_using="brin")
    for name in _MADE:
        op.drop_index(name, table_name="events")
    op.drop_column("events", "written_in")
