"""The tables of operators' calls: what was counted, so that it need not be counted for each who asks."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Table, true

from app.database.engine import metadata

coverage_counts = Table(
    "coverage_counts",
    metadata,
    # There is one row at most.
    Column("id", Boolean, primary_key=True, server_default=true()),
    Column("counted_at", DateTime(timezone=True), nullable=False),
    Column("accounts", BigInteger, nullable=False),
    Column("enabled", BigInteger, nullable=False),
    Column("phishing_resistant", BigInteger, nullable=False),
    Column("in_grace", BigInteger, nullable=False),
    Column("overdue", BigInteger, nullable=False),
    Column("exempt", BigInteger, nullable=False),
    CheckConstraint("id", name="one_row"),
)
