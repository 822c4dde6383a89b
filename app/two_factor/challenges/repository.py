"""Challenges: a right password that waits for its code, spent once, dead of wrong codes, time, or its epoch."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Uuid,
    and_,
    bindparam,
    delete,
    false,
    insert,
    literal_column,
    select,
    text,
    true,
    update,
)

from app.accounts.domain import Account, Status
from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import LOCK_IF_UNCHANGED, account_of, accounts, unchanged
from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection, metadata
from app.two_factor.challenges.domain import Challenge, ChallengeExpired
from app.two_factor.domain import CodeLimits, ProofByStep, SecondFactor
from app.two_factor.repository import COUNT_ATTEMPT, limits_at, second_factor_of, spending_step, used_factor_of
from app.two_factor.tables import SECOND_FACTOR, WITH_SECOND_FACTOR, factor_accounts

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
    # How many of the wrong codes were credentials: each answers a WebAuthn challenge of its own.
    Column("credentials", Integer, nullable=False, server_default=text("0")),
    # What the first step learned of the password, for the grant of the second.
    Column("password_breached", Boolean, nullable=False, server_default=false()),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("login_challenges_account_id_idx", "account_id"),
    Index("login_challenges_expires_at_idx", "expires_at"),
)


# Named like no column: an UPDATE or INSERT takes parameters that are for values of its own.
_digest, _at = bindparam("presented", type_=LargeBinary), bindparam("at", type_=DateTime(timezone=True))
_locked = LOCK_IF_UNCHANGED.cte("locked")
_add = CompiledStatement(
    insert(challenges)
    .from_select(
        ["account_id", "digest", "epoch", "wrong_codes", "created_at", "expires_at", "password_breached"],
        select(
            _locked.c.id,
            _digest,
            bindparam("locked_epoch", type_=Integer),
            literal_column("0"),
            _at,
            bindparam("until", type_=DateTime(timezone=True)),
            bindparam("breached", type_=Boolean),
        ),
    )
    .returning(challenges.c.account_id)
)
_spent = (
    update(challenges)
    .where(
        challenges.c.digest == _digest,
        challenges.c.spent_at.is_(None),
        challenges.c.account_id == select(_locked.c.id).scalar_subquery(),
    )
    .values(spent_at=_at)
    .returning(challenges.c.account_id)
)
_spend = CompiledStatement(_spent)
# The challenge goes before the step, which is looked for with the account that the challenge's row gave.
_gone = _spent.cte("gone")
_factor = spending_step(select(_gone.c.account_id).scalar_subquery()).subquery("factor")
_spend_with_step = CompiledStatement(
    select(_gone.c.account_id.label("waited"), *_factor.c).select_from(_gone.outerjoin(_factor, true()))
)
# A code counts on its challenge and on its account, and whoever counts it learns whose it is: one statement, put
# together once. The account's row is locked before the challenge's, as a deletion locks them, so neither deadlocks.
_of_challenge = select(challenges.c.account_id).where(challenges.c.digest == _digest).scalar_subquery()
_kept = (
    select(accounts.c.id).where(accounts.c.id == _of_challenge).with_for_update(read=True, key_share=True).cte("kept")
)
_waits = and_(
    challenges.c.digest == _digest,
    challenges.c.spent_at.is_(None),
    challenges.c.expires_at > _at,
    challenges.c.wrong_codes < bindparam("most_here", type_=Integer),
    accounts.c.id == challenges.c.account_id,
    accounts.c.credential_epoch == challenges.c.epoch,
    accounts.c.status == Status.ACTIVE,
    factor_accounts.c.account_id == challenges.c.account_id,
    factor_accounts.c.enabled_at.is_not(None),
)
_counted = (
    update(challenges)
    .where(_waits, challenges.c.account_id == select(_kept.c.id).scalar_subquery())
    .values(wrong_codes=challenges.c.wrong_codes + 1)
    .returning(
        challenges.c.account_id.label("id"),
        challenges.c.wrong_codes,
        challenges.c.created_at,
        challenges.c.password_breached,
    )
    .cte("challenge")
)
_attempt = text(COUNT_ATTEMPT.format(whose="id", source="FROM challenge")).columns(in_a_row=Integer).cte("attempt")
_count_attempt = CompiledStatement(
    select(
        *ACCOUNT_COLUMNS,
        *SECOND_FACTOR,
        _counted.c.wrong_codes,
        _counted.c.created_at.label("challenged_at"),
        _counted.c.password_breached,
        _attempt.c.in_a_row,
    ).select_from(WITH_SECOND_FACTOR.join(_counted, _counted.c.id == accounts.c.id).outerjoin(_attempt, true()))
)

_credential_counted = (
    update(challenges)
    .where(_waits, challenges.c.account_id == select(_kept.c.id).scalar_subquery())
    .values(wrong_codes=challenges.c.wrong_codes + 1, credentials=challenges.c.credentials + 1)
    .returning(
        challenges.c.account_id.label("id"),
        challenges.c.wrong_codes,
        challenges.c.created_at,
        challenges.c.credentials,
        challenges.c.password_breached,
    )
    .cte("challenge")
)
_count_credential = CompiledStatement(
    select(
        *ACCOUNT_COLUMNS,
        *SECOND_FACTOR,
        _credential_counted.c.wrong_codes,
        _credential_counted.c.created_at.label("challenged_at"),
        _credential_counted.c.password_breached,
        _credential_counted.c.credentials.label("answered"),
    ).select_from(WITH_SECOND_FACTOR.join(_credential_counted, _credential_counted.c.id == accounts.c.id))
)
_find = CompiledStatement(
    select(*ACCOUNT_COLUMNS, challenges.c.credentials.label("answered"), challenges.c.expires_at).where(_waits)
)


@dataclass(frozen=True)
class Challenges:
    connection: Connection

    async def add(
        self, digest: bytes, account: Account, at: datetime, expires_at: datetime, *, password_breached: bool
    ) -> bool:
        """Locks the account first; False, and nothing done, where it is no longer as it was read."""
        values = {"presented": digest, "at": at, "until": expires_at, "breached": password_breached}
        return await _add.first(self.connection, values | unchanged(account.id, account.epoch)) is not None

    async def count_attempt(
        self, digest: bytes, at: datetime, *, most: int, limits: CodeLimits
    ) -> tuple[Challenge, int | None] | None:
        """Counts a code as wrong before it is matched, on the challenge and on the account.

        Also returns how many are in a row on the account, None where it is locked. None for a challenge that is
        unknown, spent, over, or exhausted.
        """
        values = {"presented": digest, "most_here": most} | limits_at(limits, at)
        row = await _count_attempt.first(self.connection, values)
        if row is None:
            return None
        challenge = _challenge_of(digest, row)
        return challenge, row.in_a_row

    async def count_credential(self, digest: bytes, at: datetime, *, most: int) -> tuple[Challenge, int] | None:
        """Counts a credential on the challenge alone, before it is looked at: it can't be guessed.

        Also returns how many credentials answered before this one. None as for `count_attempt`.
        """
        row = await _count_credential.first(self.connection, {"presented": digest, "at": at, "most_here": most})
        if row is None:
            return None
        challenge = _challenge_of(digest, row)
        return challenge, row.answered - 1

    async def find(self, digest: bytes, at: datetime, *, most: int) -> tuple[Account, int, datetime] | None:
        """Whose it is, how many credentials have answered it, and when it ends; None as for `count_attempt`."""
        row = await _find.first(self.connection, {"presented": digest, "at": at, "most_here": most})
        return (account_of(row), row.answered, row.expires_at) if row else None

    async def spend(self, digest: bytes, account: Account, at: datetime) -> bool:
        """Locks the account first; False where the challenge was spent, or the account is no longer as it was read."""
        values = {"presented": digest, "at": at} | unchanged(account.id, account.epoch)
        return await _spend.first(self.connection, values) is not None

    async def spend_with_step(self, challenge: Challenge, proof: ProofByStep, at: datetime) -> SecondFactor | None:
        """As `spend`, and then as `Authenticators.spend_step`, by one statement. Raises ChallengeExpired."""
        step = {"presented": challenge.digest, "at": at, "device": proof.device_id, "step": proof.step}
        account = unchanged(challenge.account.id, challenge.account.epoch)
        row = await _spend_with_step.first(self.connection, step | account)
        if row is None:
            raise ChallengeExpired
        return used_factor_of(row, at) if row.factor_account_id else None

    async def delete_old(self, before: datetime) -> None:
        await self.connection.execute(delete(challenges).where(challenges.c.expires_at <= before))


def _challenge_of(digest: bytes, row: Record) -> Challenge:
    account, factor = account_of(row), second_factor_of(row)
    return Challenge(digest, row.wrong_codes, row.challenged_at, account, factor, row.password_breached)
