"""coverage counts

Revision: 0027, after 0026.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coverage_counts",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.BigInteger(), nullable=False),
        sa.Column("phishing_resistant", sa.BigInteger(), nullable=False),
        sa.Column("in_grace", sa.BigInteger(), nullable=False),
        sa.Column("overdue", sa.BigInteger(), nullable=False),
        sa.Column("exempt", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id", name=op.f("coverage_counts_one_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("coverage_counts_pkey")),
    )


def downgrade() -> None:
    op.drop_table("coverage_counts")
