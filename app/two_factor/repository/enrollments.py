"""Enrollments: authenticator apps that wait for their first code."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.accounts.tables import accounts
from app.database.engine import Connection
from app.two_factor.domain import Enrollment
from app.two_factor.tables import ENROLLMENT_LIVES, enrollments

_COLUMNS = (
    enrollments.c.id,
    enrollments.c.account_id,
    enrollments.c.sealed_secret,
    enrollments.c.begun_at,
    enrollments.c.expires_at,
    enrollments.c.name,
    enrollments.c.additional,
    enrollments.c.replaces,
    enrollments.c.begun_by,
)


@dataclass(frozen=True)
class Enrollments:
    connection: Connection

    async def pending_of(self, account_id: UUID) -> Enrollment | None:
        """One that has expired included; none whose session has ended, or from before the epoch was bumped."""
        query = select(*_COLUMNS).join(accounts, accounts.c.id == enrollments.c.account_id)
        mine = query.where(enrollments.c.account_id == account_id, ENROLLMENT_LIVES)
        row = (await self.connection.execute(mine)).first()
        return Enrollment(*row) if row else None

    async def begin(self, enrollment: Enrollment, epoch: int) -> None:
        """Takes the place of a pending one."""
        values = vars(enrollment) | {"epoch": epoch}
        statement = upsert(enrollments).values(values)
        changed = {name: value for name, value in values.items() if name != "account_id"}
        await self.connection.execute(
            statement.on_conflict_do_update(index_elements=[enrollments.c.account_id], set_=changed)
        )

    async def take(self, enrollment: Enrollment, at: datetime) -> bytes | None:
        """Ends this very enrollment, to be confirmed: its secret as it is sealed now; None where it is not pending."""
        same = (enrollments.c.account_id == enrollment.account_id) & (enrollments.c.id == enrollment.id)
        taken = delete(enrollments).where(same, enrollments.c.expires_at > at)
        sealed: bytes | None = await self.connection.scalar(taken.returning(enrollments.c.sealed_secret))
        return sealed

    async def remove(self, account_id: UUID) -> bool:
        """Whether there was one."""
        gone = delete(enrollments).where(enrollments.c.account_id == account_id).returning(enrollments.c.id)
        return (await self.connection.execute(gone)).first() is not None

    async def cancel(self, account_id: UUID, begun_by: UUID) -> bool:
        """Whether this token had one to cancel."""
        mine = enrollments.c.begun_by.is_(None) | (enrollments.c.begun_by == begun_by)
        gone = delete(enrollments).where(enrollments.c.account_id == account_id, mine).returning(enrollments.c.id)
        return (await self.connection.execute(gone)).first() is not None

    async def delete_expired(self, before: datetime) -> None:
        await self.connection.execute(delete(enrollments).where(enrollments.c.expires_at <= before))
