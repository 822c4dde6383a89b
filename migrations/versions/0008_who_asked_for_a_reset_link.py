"""who asked for a reset link

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before adds links without it, and takes each for one that a person asked for.
    op.add_column("password_reset_links", sa.Column("requested_by", sa.Text(), server_default="person", nullable=False))


def downgrade() -> None:
    op.drop_column("password_reset_links", "requested_by")
