"""devices of release 0.1 become authenticators

Revision: 0007, after 0006.
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 500
# The trigger of 0004 copies each row that is written. One that is copied already is written once more, to no effect.
_COPY = sa.text("""
    WITH batch AS (
        SELECT account_id FROM two_factor_enrollments WHERE account_id > :last ORDER BY account_id LIMIT :most FOR UPDATE
    ), copied AS (
        UPDATE two_factor_enrollments AS e SET id = e.id FROM batch WHERE e.account_id = batch.account_id
        RETURNING e.account_id
    )
    SELECT account_id FROM copied ORDER BY account_id DESC LIMIT 1
""")


def upgrade() -> None:
    # Each batch is committed by itself, and one that was broken off starts again from the first.
    with op.get_context().autocommit_block():
        last: uuid.UUID | None = uuid.UUID(int=0)
        while last is not None:
            last = op.get_bind().scalar(_COPY, {"last": last, "most": _AT_ONCE})


def downgrade() -> None:
    pass
