"""Reading the second factor of many accounts at once, for pages of accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from app.database.engine import Connection
from app.two_factor.domain import Enrollment, State, Status, state_of
from app.two_factor.repository import enrollments, recovery_codes


async def states_of(connection: Connection, account_ids: Sequence[UUID], at: datetime) -> Mapping[UUID, State]:
    """One statement for a page; an account that is not in the answer has no second factor."""
    remaining = (
        select(func.count())
        .where(recovery_codes.c.account_id == enrollments.c.account_id)
        .correlate(enrollments)
        .scalar_subquery()
    )
    query = select(enrollments, remaining.label("remaining")).where(enrollments.c.account_id.in_(account_ids))
    found = (
        Enrollment(
            id=row.id,
            account_id=row.account_id,
            status=Status(row.status),
            sealed_secret=row.sealed_secret,
            expires_at=row.expires_at,
            confirmed_at=row.confirmed_at,
            last_step=row.last_step,
            last_used_at=row.last_used_at,
            recovery_codes_remaining=row.remaining,
        )
        for row in await connection.execute(query)
    )
    return {enrollment.account_id: state_of(enrollment, at) for enrollment in found}
