"""anonymous events swept sooner

Revision: 0011, after 0010.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAME = "events_anonymous_idx"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # What a broken-off attempt may have left.
        op.drop_index(_NAME, table_name="events", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _NAME,
            "events",
            ["occurred_at"],
            postgresql_where=sa.text("account_id IS NULL AND type = 'login.failed'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(_NAME, table_name="events")
