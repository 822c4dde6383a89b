"""Which accounts were imported, and from what, so that the same line again changes nothing."""

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Integer, LargeBinary, Table, Uuid

from app.database.engine import metadata

imported_accounts = Table(
    "imported_accounts",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    # A keyed hash of the line: a plain one would give away the password hash that the line holds.
    Column("fingerprint", LargeBinary, nullable=False),
    # While the account still has this epoch, nobody but the import has changed how it proves itself.
    Column("epoch", Integer, nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(fingerprint) = 36", name="fingerprint"),
)
