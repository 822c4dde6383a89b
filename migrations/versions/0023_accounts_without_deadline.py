"""accounts without a deadline, and the policies of all

Revision: 0023, after 0022.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_NAME = "accounts_without_deadline_idx"


def upgrade() -> None:
    op.execute("ALTER TABLE accounts VALIDATE CONSTRAINT accounts_two_factor_policy_check")
    with op.get_context().autocommit_block():
        # What a broken-off attempt may have left.
        op.drop_index(_NAME, table_name="accounts", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _NAME,
            "accounts",
            ["id"],
            postgresql_where=sa.text("two_factor_deadline IS NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(_NAME, table_name="accounts")
