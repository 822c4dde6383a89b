"""recovery codes belong to the account, not to its one device

Revision: 0005, after 0004.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAME = "recovery_codes_account_id_fkey"


def upgrade() -> None:
    op.drop_constraint(_NAME, "recovery_codes", type_="foreignkey")
    # Old rows are looked at in the next revision, which locks nobody out.
    op.create_foreign_key(
        _NAME, "recovery_codes", "accounts", ["account_id"], ["id"], ondelete="CASCADE", postgresql_not_valid=True
    )


def downgrade() -> None:
    op.drop_constraint(_NAME, "recovery_codes", type_="foreignkey")
    op.create_foreign_key(
        _NAME, "recovery_codes", "two_factor_enrollments", ["account_id"], ["account_id"], ondelete="CASCADE"
    )
