"""accounts by what operators look for

Revision: 0026, after 0025.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_INDEXES = {
    "accounts_disabled_idx": (["id"], "status = 'disabled'"),
    "accounts_required_idx": (["id"], "two_factor_policy = 'required'"),
    "accounts_created_at_idx": (["created_at", "id"], None),
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, (columns, where) in _INDEXES.items():
            # What a broken-off attempt may have left.
            op.drop_index(name, table_name="accounts", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name,
                "accounts",
                columns,
                postgresql_where=None if where is None else sa.text(where),
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, table_name="accounts")
