"""the language that a person is written to in

Revision: 0015, after 0014.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("locale", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("accounts", "locale")
