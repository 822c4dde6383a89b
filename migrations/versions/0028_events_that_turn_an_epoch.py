"""events that turn an epoch

Revision: 0028, after 0027.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_NAME = "events_turns_epoch_idx"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # What a broken-off attempt may have left.
        op.drop_index(_NAME, table_name="events", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _NAME,
            "events",
            [sa.text("id DESC")],
            postgresql_where=sa.text("details ? 'epoch' OR type = 'account.deleted'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(_NAME, table_name="events")
