"""every recovery code has an account

Revision: 0006, after 0005.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE recovery_codes VALIDATE CONSTRAINT recovery_codes_account_id_fkey")


def downgrade() -> None:
    pass
