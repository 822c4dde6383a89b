"""authenticators, each a row of its own

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "two_factor_accounts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("enabled_at", _MOMENT, nullable=True),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.Column("user_handle", sa.LargeBinary(), nullable=True),
        sa.Column("had_credential", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("octet_length(user_handle) = 32", name=op.f("two_factor_accounts_user_handle_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("two_factor_accounts_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("two_factor_accounts_pkey")),
        sa.UniqueConstraint("user_handle", name=op.f("two_factor_accounts_user_handle_key")),
    )
    op.create_table(
        "authenticators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("last_used_at", _MOMENT, nullable=True),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("sign_count", sa.BigInteger(), nullable=True),
        sa.Column("passkey", sa.Boolean(), nullable=True),
        sa.Column("backed_up", sa.Boolean(), nullable=True),
        sa.Column("transports", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("rp_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "CASE kind WHEN 'totp' THEN num_nulls(sealed_secret, last_step) = 0 ELSE num_nulls(credential_id,"
            " public_key, sign_count, passkey, backed_up, transports, rp_id) = 0 END",
            name=op.f("authenticators_whole_check"),
        ),
        sa.CheckConstraint("kind IN ('totp', 'webauthn')", name=op.f("authenticators_kind_check")),
        sa.CheckConstraint(
            "octet_length(credential_id) BETWEEN 1 AND 1023", name=op.f("authenticators_credential_id_check")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("authenticators_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("authenticators_pkey")),
        sa.UniqueConstraint("credential_id", name=op.f("authenticators_credential_id_key")),
    )
    op.create_index("authenticators_account_id_idx", "authenticators", ["account_id", "id"])
    op.create_table(
        "authenticator_enrollments",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("additional", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("authenticator_enrollments_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["replaces"],
            ["authenticators.id"],
            name=op.f("authenticator_enrollments_replaces_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("authenticator_enrollments_pkey")),
    )
    op.create_index("authenticator_enrollments_expires_at_idx", "authenticator_enrollments", ["expires_at"])
    op.create_index(
        "authenticator_enrollments_replaces_idx",
        "authenticator_enrollments",
        ["replaces"],
        postgresql_where=sa.text("replaces IS NOT NULL"),
    )
    op.create_table(
        "webauthn_registrations",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("passkey", sa.Boolean(), nullable=False),
        sa.Column("begun_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("webauthn_registrations_digest_check")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("webauthn_registrations_account_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("webauthn_registrations_pkey")),
    )
    op.create_index("webauthn_registrations_account_id_idx", "webauthn_registrations", ["account_id"])
    op.create_index("webauthn_registrations_expires_at_idx", "webauthn_registrations", ["expires_at"])
    op.create_table(
        "webauthn_spent_challenges",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("webauthn_spent_challenges_digest_check")),
        sa.PrimaryKeyConstraint("digest", name=op.f("webauthn_spent_challenges_pkey")),
    )
    op.create_index("webauthn_spent_challenges_expires_at_idx", "webauthn_spent_challenges", ["expires_at"])


def downgrade() -> None:
    op.drop_table("webauthn_spent_challenges")
    op.drop_table("webauthn_registrations")
    op.drop_table("authenticator_enrollments")
    op.drop_table("authenticators")
    op.drop_table("two_factor_accounts")
