"""who began an enrollment

Revision: 0013, after 0012.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before begins enrollments without it: those are open to every session of the account.
    op.add_column("authenticator_enrollments", sa.Column("begun_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("authenticator_enrollments", "begun_by")
