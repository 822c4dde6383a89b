"""changes of the address

Revision: 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A release that knows neither column leaves a pending address where it is when it bumps an epoch: its links are
    # dead all the same, and it stops being told when its time has run out.
    op.add_column("accounts", sa.Column("pending_address", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("pending_until", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        op.f("accounts_pending_check"),
        "accounts",
        "num_nulls(pending_address, pending_until) IN (0, 2)",
        postgresql_not_valid=True,
    )
    op.create_table(
        "email_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("folded_address", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ip", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("email_changes_digest_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("email_changes_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("email_changes_pkey")),
        sa.UniqueConstraint("digest", name=op.f("email_changes_digest_key")),
    )
    op.create_index("email_changes_account_id_idx", "email_changes", ["account_id", "requested_at"])
    op.create_index("email_changes_expires_at_idx", "email_changes", ["expires_at"])
    op.create_index(
        "email_changes_waiting_idx",
        "email_changes",
        ["id"],
        postgresql_where=sa.text("digest IS NULL AND ended_at IS NULL"),
    )
    op.create_table(
        "email_change_undos",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("folded_address", sa.Text(), nullable=False),
        sa.Column("authenticator_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("recovery_code_digests", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("email_change_undos_digest_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("email_change_undos_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("email_change_undos_pkey")),
    )
    op.create_index("email_change_undos_account_id_idx", "email_change_undos", ["account_id"])
    op.create_index("email_change_undos_expires_at_idx", "email_change_undos", ["expires_at"])


def downgrade() -> None:
    op.drop_table("email_change_undos")
    op.drop_table("email_changes")
    op.drop_constraint(op.f("accounts_pending_check"), "accounts", type_="check")
    op.drop_column("accounts", "pending_until")
    op.drop_column("accounts", "pending_address")
