"""links by which a person says that something was somebody else

Revision: 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("not_me_digest", sa.LargeBinary(), nullable=True))
    op.add_column("outbox", sa.Column("not_me_spent_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("outbox_not_me_digest_check"), "outbox", "octet_length(not_me_digest) = 32")
    op.create_index(
        "outbox_not_me_digest_idx",
        "outbox",
        ["not_me_digest"],
        unique=True,
        postgresql_where=sa.text("not_me_digest IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("outbox_not_me_digest_idx", table_name="outbox")
    op.drop_constraint(op.f("outbox_not_me_digest_check"), "outbox")
    op.drop_column("outbox", "not_me_spent_at")
    op.drop_column("outbox", "not_me_digest")
