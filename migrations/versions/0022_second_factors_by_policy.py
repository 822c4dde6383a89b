"""second factors by policy: policies and deadlines of accounts, tickets, and what a client requires

Revision: 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_POLICIES = "two_factor_policy IN ('inherit', 'required', 'exempt')"


def upgrade() -> None:
    # The release before makes accounts without them: they inherit, and get their deadline at the next log-in.
    op.add_column("accounts", sa.Column("two_factor_policy", sa.Text(), server_default="inherit", nullable=False))
    op.add_column("accounts", sa.Column("two_factor_deadline", sa.DateTime(timezone=True), nullable=True))
    op.execute(f"ALTER TABLE accounts ADD CONSTRAINT accounts_two_factor_policy_check CHECK ({_POLICIES}) NOT VALID")
    op.add_column("clients", sa.Column("required_acr", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("clients_required_acr_check"), "clients", "required_acr = 'aal2'")
    op.create_table(
        "enrollment_tickets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("enrollment_tickets_digest_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("enrollment_tickets_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("enrollment_tickets_pkey")),
        sa.UniqueConstraint("digest", name=op.f("enrollment_tickets_digest_key")),
    )
    op.create_index("enrollment_tickets_account_id_idx", "enrollment_tickets", ["account_id"])
    op.create_index("enrollment_tickets_expires_at_idx", "enrollment_tickets", ["expires_at"])


def downgrade() -> None:
    op.drop_table("enrollment_tickets")
    op.drop_column("clients", "required_acr")
    op.drop_column("accounts", "two_factor_deadline")
    op.drop_column("accounts", "two_factor_policy")
