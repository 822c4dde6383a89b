"""notices told in one

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("times", sa.Integer(), server_default="1", nullable=False))
    # The release before writes none; such a mail joins no other.
    op.add_column("outbox", sa.Column("recipient", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("outbox", "recipient")
    op.drop_column("outbox", "times")
