"""Counts of wrong codes: one budget per account, however many devices it has."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text

from app.database.engine import Connection
from app.two_factor.domain import CodeLimits
from app.two_factor.tables import code_attempts

# Counted before the look: the attempt that reaches the limit closes the door behind itself. `whose` is what gives the
# account's id, from a part of the same statement.
COUNT_ATTEMPT = """
    INSERT INTO code_attempts AS c (account_id, in_a_row, locked_until)
    SELECT {whose}, 1, CASE WHEN :most = 1 THEN CAST(:at AS timestamptz) + make_interval(secs => :lock) END {source}
    ON CONFLICT (account_id) DO UPDATE SET
        in_a_row = c.in_a_row + 1,
        locked_until = CASE
            WHEN c.in_a_row + 1 >= :until_reset THEN 'infinity'
            WHEN (c.in_a_row + 1) % :most = 0 THEN CAST(:at AS timestamptz) + make_interval(secs => :lock) END
    WHERE c.locked_until IS NULL OR c.locked_until <= :at
    RETURNING in_a_row
"""
# Of an account that is deleted meanwhile nothing can be counted, and no code opens anything: what it would buy holds
# the account first.
_COUNT_ATTEMPT = text(f"""
    WITH kept AS (SELECT id FROM accounts WHERE id = :account_id FOR KEY SHARE),
         counted AS ({COUNT_ATTEMPT.format(whose="id", source="FROM kept")})
    SELECT CASE WHEN EXISTS (SELECT FROM kept) THEN (SELECT in_a_row FROM counted) ELSE 1 END
""")  # noqa: S608 - put together from our own words


def limits_at(limits: CodeLimits, at: datetime) -> dict[str, object]:
    """The parameters of COUNT_ATTEMPT."""
    return {"at": at, "most": limits.most, "lock": float(limits.lock_seconds), "until_reset": limits.until_reset}


@dataclass(frozen=True)
class CodeAttempts:
    connection: Connection

    async def count(self, account_id: UUID, limits: CodeLimits, at: datetime) -> int | None:
        """The number of wrong codes in a row if this one is wrong too; None where the account is locked."""
        params = limits_at(limits, at) | {"account_id": account_id}
        counted: int | None = await self.connection.scalar(_COUNT_ATTEMPT, params)
        return counted

    async def seconds_locked(self, account_id: UUID, at: datetime) -> int | None:
        """None where only a password reset or an admin ends it."""
        left = func.ceil(func.extract("epoch", code_attempts.c.locked_until - at))
        finite = (code_attempts.c.account_id == account_id) & (code_attempts.c.locked_until < text("'infinity'"))
        seconds = await self.connection.scalar(select(left).where(finite))
        return int(seconds) if seconds is not None else None

    async def forgive(self, account_id: UUID) -> None:
        await self.connection.execute(delete(code_attempts).where(code_attempts.c.account_id == account_id))
