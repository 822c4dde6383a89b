"""breached passwords at log-in

Revision: 0025, after 0024.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before makes challenges without it: nothing is known of their passwords.
    op.add_column(
        "login_challenges",
        sa.Column("password_breached", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("login_challenges", "password_breached")
