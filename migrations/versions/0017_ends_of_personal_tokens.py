"""ends of personal tokens are found by an index

Revision: 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_NAME = "tokens_personal_expires_at_idx"


def upgrade() -> None:
    op.execute("ALTER TABLE tokens VALIDATE CONSTRAINT tokens_scopes_check")
    op.execute("ALTER TABLE tokens VALIDATE CONSTRAINT tokens_ip_allowlist_check")
    with op.get_context().autocommit_block():
        # What a broken-off attempt may have left.
        op.drop_index(_NAME, table_name="tokens", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _NAME,
            "tokens",
            ["expires_at"],
            postgresql_where=sa.text("kind = 'personal'"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(_NAME, table_name="tokens")
