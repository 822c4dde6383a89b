"""what a personal token is limited to, and a second secret of a client

Revision: 0016, after 0015.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before makes tokens without a limit, and looks at none: limits count once the last replica is new.
    op.add_column("tokens", sa.Column("scopes", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column("tokens", sa.Column("ip_allowlist", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column("tokens", sa.Column("last_used_user_agent", sa.Text(), nullable=True))
    op.add_column("tokens", sa.Column("end_announced", sa.DateTime(timezone=True), nullable=True))
    # Not checked yet, which would read the whole table under a lock that stops everything.
    op.execute("ALTER TABLE tokens ADD CONSTRAINT tokens_scopes_check CHECK (cardinality(scopes) <= 20) NOT VALID")
    op.execute(
        "ALTER TABLE tokens ADD CONSTRAINT tokens_ip_allowlist_check CHECK (cardinality(ip_allowlist) BETWEEN 1 AND 20)"
        " NOT VALID"
    )
    op.add_column("clients", sa.Column("old_digest", sa.LargeBinary(), nullable=True))
    op.add_column("clients", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("clients_old_digest_check"), "clients", "octet_length(old_digest) = 32")


def downgrade() -> None:
    op.drop_column("clients", "last_used_at")
    op.drop_column("clients", "old_digest")
    op.drop_column("tokens", "end_announced")
    op.drop_column("tokens", "last_used_user_agent")
    op.drop_column("tokens", "ip_allowlist")
    op.drop_column("tokens", "scopes")
