"""imports, and roles for a part of what operators may do

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ROLES = "roles <@ ARRAY[{}] AND cardinality(roles) > 0"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("external_id", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("email_verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("accounts", sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True))
    op.create_unique_constraint(op.f("accounts_external_id_key"), "accounts", ["external_id"])
    op.create_index(
        "accounts_foreign_hash_idx", "accounts", ["id"], postgresql_where=sa.text("password_hash LIKE 'foreign:%'")
    )
    op.create_table(
        "firebase_projects",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sealed_parameters", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("firebase_projects_pkey")),
    )
    op.create_table(
        "imported_accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(fingerprint) = 36", name=op.f("imported_accounts_fingerprint_check")),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name=op.f("imported_accounts_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("imported_accounts_pkey")),
    )
    op.drop_constraint(op.f("clients_roles_check"), "clients", type_="check")
    roles = r"'introspect', 'admin', 'accounts\:read', 'accounts\:write', 'events\:read', 'import'"
    op.create_check_constraint(op.f("clients_roles_check"), "clients", _ROLES.format(roles))


def downgrade() -> None:
    op.drop_constraint(op.f("clients_roles_check"), "clients", type_="check")
    # The older release knows no other roles, and stumbles over a client that has one.
    op.execute("DELETE FROM clients WHERE NOT roles <@ ARRAY['introspect', 'admin']")
    op.create_check_constraint(op.f("clients_roles_check"), "clients", _ROLES.format("'introspect', 'admin'"))
    op.drop_table("imported_accounts")
    op.drop_table("firebase_projects")
    op.drop_index("accounts_foreign_hash_idx", table_name="accounts")
    op.drop_constraint(op.f("accounts_external_id_key"), "accounts", type_="unique")
    op.drop_column("accounts", "last_login_at")
    op.drop_column("accounts", "email_verified_at")
    op.drop_column("accounts", "external_id")
