"""every pending address has an end

Revision: 0021, after 0020.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE accounts VALIDATE CONSTRAINT accounts_pending_check")


def downgrade() -> None:
    pass
