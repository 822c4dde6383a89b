"""Enrollments, recovery codes, counts of wrong codes. What can be used once is spent by one conditional statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Row,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from app.accounts.domain import Account
from app.accounts.repository import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.repository import account_of, accounts
from app.database.compiled import CompiledStatement
from app.database.engine import Connection, Record, metadata
from app.two_factor.domain import Enrollment, Status

enrollments = Table(
    "two_factor_enrollments",
    metadata,
    # One enrollment per account: a second device takes the first one's place, never a seat beside it.
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("last_step", BigInteger),
    Column("last_used_at", DateTime(timezone=True)),
    CheckConstraint("status IN ('pending', 'enabled')", name="status"),
    CheckConstraint("(status = 'enabled') = (confirmed_at IS NOT NULL)", name="enabled_is_confirmed"),
    CheckConstraint("(status = 'pending') = (expires_at IS NOT NULL)", name="pending_expires"),
    CheckConstraint("(status = 'enabled') = (last_step IS NOT NULL)", name="enabled_has_step"),
)
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("account_id", Uuid, ForeignKey("two_factor_enrollments.account_id", ondelete="CASCADE"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
)
code_attempts = Table(
    "code_attempts",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("in_a_row", Integer, nullable=False),
    Column("locked_until", DateTime(timezone=True)),
)

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

_theirs = recovery_codes.c.account_id == enrollments.c.account_id
_remaining = select(func.count()).select_from(recovery_codes).where(_theirs).correlate(enrollments).scalar_subquery()
COLUMNS = (
    enrollments.c.id.label("enrollment_id"),
    enrollments.c.account_id.label("enrolled_account_id"),
    enrollments.c.status.label("enrollment_status"),
    enrollments.c.sealed_secret,
    enrollments.c.expires_at.label("enrollment_expires_at"),
    enrollments.c.confirmed_at,
    enrollments.c.last_step,
    enrollments.c.last_used_at,
    _remaining.label("recovery_codes_remaining"),
)


def enrollment_of(row: Row[*tuple[Any, ...]] | Record) -> Enrollment:
    return Enrollment(
        id=row.enrollment_id,
        account_id=row.enrolled_account_id,
        status=Status(row.enrollment_status),
        sealed_secret=row.sealed_secret,
        expires_at=row.enrollment_expires_at,
        confirmed_at=row.confirmed_at,
        last_step=row.last_step,
        last_used_at=row.last_used_at,
        recovery_codes_remaining=row.recovery_codes_remaining,
    )


# Statements are put together once: building one costs more than running it.
_of = select(*COLUMNS).where(enrollments.c.account_id == bindparam("account_id", type_=Uuid))
_holder = CompiledStatement(
    select(*ACCOUNT_COLUMNS, *COLUMNS)
    .select_from(accounts.outerjoin(enrollments, enrollments.c.account_id == accounts.c.id))
    .where(accounts.c.folded_address == bindparam("folded", type_=Text))
)
_forgiven = delete(code_attempts).where(code_attempts.c.account_id == bindparam("owner", type_=Uuid))
_spend_step = CompiledStatement(
    update(enrollments)
    .where(
        enrollments.c.account_id == bindparam("owner", type_=Uuid),
        enrollments.c.status == Status.ENABLED,
        enrollments.c.last_step < bindparam("step", type_=BigInteger),
    )
    .values(last_step=bindparam("step", type_=BigInteger), last_used_at=bindparam("at", type_=DateTime(timezone=True)))
    .returning(*COLUMNS)
    .add_cte(_forgiven.cte("forgiven"))
)


@dataclass(frozen=True)
class CodeLimits:
    most: int
    lock_seconds: int
    until_reset: int

    def given(self, at: datetime) -> dict[str, object]:
        """What COUNT_ATTEMPT asks for."""
        return {"at": at, "most": self.most, "lock": float(self.lock_seconds), "until_reset": self.until_reset}


@dataclass(frozen=True)
class Enrollments:
    connection: Connection

    async def of(self, account_id: UUID) -> Enrollment | None:
        row = (await self.connection.execute(_of, {"account_id": account_id})).first()
        return enrollment_of(row) if row else None

    async def holder_with(self, folded_address: str) -> tuple[Account | None, Enrollment | None]:
        """The account with this address, and its enrollment."""
        row = await _holder.first(self.connection, {"folded": folded_address})
        if row is None:
            return None, None
        return account_of(row), enrollment_of(row) if row.enrollment_id else None

    async def begin(self, id: UUID, account_id: UUID, sealed_secret: bytes, expires_at: datetime) -> bool:
        """Takes the place of a pending one; False where 2FA is on."""
        fresh = {"id": id, "status": Status.PENDING, "sealed_secret": sealed_secret, "expires_at": expires_at}
        statement = upsert(enrollments).values(account_id=account_id, **fresh)
        replacing = statement.on_conflict_do_update(
            index_elements=[enrollments.c.account_id],
            set_=fresh,
            where=enrollments.c.status == Status.PENDING,
        )
        return (await self.connection.execute(replacing.returning(enrollments.c.id))).first() is not None

    async def confirm(self, enrollment: Enrollment, step: int, at: datetime) -> bool:
        """Turns 2FA on and spends the step; False where this very enrollment is no longer pending."""
        statement = (
            update(enrollments)
            .where(
                enrollments.c.account_id == enrollment.account_id,
                enrollments.c.id == enrollment.id,
                enrollments.c.status == Status.PENDING,
                enrollments.c.expires_at > at,
            )
            .values(status=Status.ENABLED, confirmed_at=at, expires_at=None, last_step=step, last_used_at=at)
        )
        return (await self.connection.execute(statement.returning(enrollments.c.id))).first() is not None

    async def spend_step(self, account_id: UUID, step: int, at: datetime) -> Enrollment | None:
        """As it is then, and the wrong codes before it forgiven; None where this step or a later one was accepted."""
        row = await _spend_step.first(self.connection, {"owner": account_id, "step": step, "at": at})
        return enrollment_of(row) if row else None

    async def spend_recovery_code(self, account_id: UUID, digest: bytes, at: datetime) -> Enrollment | None:
        """As it is then, and the wrong codes before it forgiven; None where the account has no such code any more."""
        # The enrollment's row goes before its codes', here and where the codes are replaced, so neither deadlocks.
        if not await self.hold_enabled(account_id):
            return None
        spent = (
            delete(recovery_codes)
            .where(recovery_codes.c.account_id == account_id, recovery_codes.c.digest == digest)
            .returning(recovery_codes.c.digest)
        )
        if (await self.connection.execute(spent)).first() is None:
            return None
        used = update(enrollments).where(enrollments.c.account_id == account_id).values(last_used_at=at)
        row = (await self.connection.execute(used.returning(*COLUMNS))).one()
        await CodeAttempts(self.connection).forgive(account_id)
        return enrollment_of(row)

    async def hold_enabled(self, account_id: UUID) -> bool:
        """Keeps others from the enrollment until the transaction ends; False where 2FA is not on."""
        enabled = (enrollments.c.account_id == account_id) & (enrollments.c.status == Status.ENABLED)
        query = select(enrollments.c.id).where(enabled).with_for_update()
        return (await self.connection.execute(query)).first() is not None

    async def replace_recovery_codes(self, account_id: UUID, digests: Sequence[bytes]) -> None:
        await self.connection.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
        await self.connection.execute(
            insert(recovery_codes), [{"account_id": account_id, "digest": digest} for digest in digests]
        )

    async def remove(self, account_id: UUID) -> bool:
        """Secret and recovery codes, without residue; whether 2FA was on."""
        statement = delete(enrollments).where(enrollments.c.account_id == account_id)
        return await self.connection.scalar(statement.returning(enrollments.c.status)) == Status.ENABLED

    async def remove_pending(self, account_id: UUID) -> None:
        pending = (enrollments.c.account_id == account_id) & (enrollments.c.status == Status.PENDING)
        await self.connection.execute(delete(enrollments).where(pending))

    async def delete_expired(self, before: datetime) -> None:
        await self.connection.execute(delete(enrollments).where(enrollments.c.expires_at <= before))

    async def after(self, account_id: UUID | None, *, limit: int) -> Sequence[tuple[UUID, bytes]]:
        """Accounts and sealed secrets in the order of ids, for sealing them anew."""
        query = select(enrollments.c.account_id, enrollments.c.sealed_secret).order_by(enrollments.c.account_id)
        if account_id is not None:
            query = query.where(enrollments.c.account_id > account_id)
        return [(row[0], row[1]) for row in await self.connection.execute(query.limit(limit))]

    async def reseal(self, account_id: UUID, old: bytes, new: bytes) -> bool:
        """False where the secret changed meanwhile."""
        same = (enrollments.c.account_id == account_id) & (enrollments.c.sealed_secret == old)
        statement = update(enrollments).where(same).values(sealed_secret=new)
        return (await self.connection.execute(statement.returning(enrollments.c.id))).first() is not None


@dataclass(frozen=True)
class CodeAttempts:
    connection: Connection

    async def count(self, account_id: UUID, limits: CodeLimits, at: datetime) -> int | None:
        """The number of wrong codes in a row if this one is wrong too; None where the account is locked."""
        given = limits.given(at) | {"account_id": account_id}
        counted: int | None = await self.connection.scalar(_COUNT_ATTEMPT, given)
        return counted

    async def seconds_locked(self, account_id: UUID, at: datetime) -> int | None:
        """None where only a password reset or an admin ends it."""
        left = func.ceil(func.extract("epoch", code_attempts.c.locked_until - at))
        finite = (code_attempts.c.account_id == account_id) & (code_attempts.c.locked_until < text("'infinity'"))
        seconds = await self.connection.scalar(select(left).where(finite))
        return int(seconds) if seconds is not None else None

    async def forgive(self, account_id: UUID) -> None:
        await self.connection.execute(delete(code_attempts).where(code_attempts.c.account_id == account_id))
