"""resets that clear two-factor authentication later

Revision: 0018, after 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("two_factor_accounts", sa.Column("clearing_paused_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "two_factor_clearings",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clears_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_mail_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("two_factor_clearings_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("two_factor_clearings_pkey")),
    )
    op.create_index("two_factor_clearings_next_mail_at_idx", "two_factor_clearings", ["next_mail_at"])
    op.create_table(
        "two_factor_clearing_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("two_factor_clearing_links_digest_check")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["two_factor_clearings.account_id"],
            name=op.f("two_factor_clearing_links_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("two_factor_clearing_links_pkey")),
    )
    op.create_index("two_factor_clearing_links_account_id_idx", "two_factor_clearing_links", ["account_id"])


def downgrade() -> None:
    op.drop_table("two_factor_clearing_links")
    op.drop_table("two_factor_clearings")
    op.drop_column("two_factor_accounts", "clearing_paused_until")
