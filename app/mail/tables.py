"""The outbox table."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)

from app.database.engine import metadata

_SWEPT_AT_ONCE = 1000

outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, nullable=False),
    Column("letter", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False),
    Column("give_up_at", DateTime(timezone=True), nullable=False),
    Column("sent_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    # How many notices this one stands for, and to whom it goes: a fingerprint, since the address is sealed.
    Column("times", Integer, nullable=False, server_default="1"),
    Column("recipient", LargeBinary),
    # Of the link "This wasn't me" in a notice, which outlives the mail: a row stays for as long as the link lives.
    Column("not_me_digest", LargeBinary),
    Column("not_me_spent_at", DateTime(timezone=True)),
    CheckConstraint("num_nonnulls(sealed, sent_at, failed_at) = 1", name="one_state"),
    CheckConstraint("attempts >= 0", name="attempts"),
    CheckConstraint("octet_length(not_me_digest) = 32", name="not_me_digest"),
)
PENDING = outbox.c.sealed.is_not(None)
Index("outbox_pending_idx", outbox.c.next_attempt_at, postgresql_where=PENDING)
Index("outbox_failed_idx", outbox.c.failed_at, postgresql_where=outbox.c.failed_at.is_not(None))
_has_link = outbox.c.not_me_digest.is_not(None)
Index("outbox_not_me_digest_idx", outbox.c.not_me_digest, unique=True, postgresql_where=_has_link)
Index("outbox_account_id_idx", outbox.c.account_id)
