"""Challenges: a right password that waits for its code, spent once, dead of wrong codes, time, or its epoch."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Uuid,
    delete,
    insert,
    update,
)

from app.accounts.domain import Status
from app.accounts.repository import accounts
from app.infrastructure.database import Connection, metadata
from app.login.domain import Challenge

challenges = Table(
    "login_challenges",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("wrong_codes", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("spent_at", DateTime(timezone=True)),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("login_challenges_account_id_idx", "account_id"),
    Index("login_challenges_expires_at_idx", "expires_at"),
)


@dataclass(frozen=True)
class Challenges:
    connection: Connection

    async def open(self, digest: bytes, account_id: UUID, epoch: int, at: datetime, expires_at: datetime) -> None:
        values = {"digest": digest, "account_id": account_id, "epoch": epoch, "wrong_codes": 0}
        await self.connection.execute(insert(challenges).values(**values, created_at=at, expires_at=expires_at))

    async def count_attempt(self, digest: bytes, at: datetime, *, most: int) -> Challenge | None:
        """Counts a code as wrong before the look; None for a challenge that is unknown, spent, over, or exhausted."""
        statement = (
            update(challenges)
            .where(
                challenges.c.digest == digest,
                challenges.c.spent_at.is_(None),
                challenges.c.expires_at > at,
                challenges.c.wrong_codes < most,
                accounts.c.id == challenges.c.account_id,
                accounts.c.credential_epoch == challenges.c.epoch,
                accounts.c.status == Status.ACTIVE,
            )
            .values(wrong_codes=challenges.c.wrong_codes + 1)
            .returning(challenges.c.digest, challenges.c.account_id, challenges.c.epoch, challenges.c.wrong_codes)
        )
        row = (await self.connection.execute(statement)).first()
        return Challenge(*row) if row else None

    async def spend(self, digest: bytes, at: datetime) -> bool:
        """False where it was spent before."""
        unspent = (challenges.c.digest == digest) & challenges.c.spent_at.is_(None)
        statement = update(challenges).where(unspent).values(spent_at=at)
        return (await self.connection.execute(statement.returning(challenges.c.account_id))).first() is not None

    async def delete_old(self, before: datetime) -> None:
        await self.connection.execute(delete(challenges).where(challenges.c.expires_at <= before))
