"""The accounts table, its rows, and the lock that statements of modules above begin with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    bindparam,
    func,
    or_,
    select,
    text,
)

from app.accounts.domain import Account, AccountPolicy, EnrollmentPolicy, Status
from app.database.driver import Record
from app.database.engine import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("address", Text, nullable=False),
    Column("folded_address", Text, nullable=False),
    Column("password_hash", Text),
    Column("status", Text, nullable=False),
    Column("credential_epoch", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("external_id", Text),
    Column("email_verified_at", DateTime(timezone=True)),
    Column("last_login_at", DateTime(timezone=True)),
    Column("locale", Text),
    # The newest address that waits for its mailbox. Here, so that a log-in reads it with the account.
    Column("pending_address", Text),
    Column("pending_until", DateTime(timezone=True)),
    Column("two_factor_policy", Text, nullable=False, server_default="inherit"),
    Column("two_factor_deadline", DateTime(timezone=True)),
    UniqueConstraint("folded_address"),
    UniqueConstraint("external_id"),
    CheckConstraint('folded_address = lower(address COLLATE "C")', name="folded"),
    CheckConstraint("status IN ('active', 'disabled')", name="status"),
    CheckConstraint("credential_epoch >= 0", name="epoch"),
    CheckConstraint("num_nulls(pending_address, pending_until) IN (0, 2)", name="pending"),
    CheckConstraint("two_factor_policy IN ('inherit', 'required', 'exempt')", name="two_factor_policy"),
)
# Accounts that no deadline was granted to, in the order in which the worker walks them.
Index("accounts_without_deadline_idx", accounts.c.id, postgresql_where=text("two_factor_deadline IS NULL"))
# What operators look for where few have it, newest first.
Index("accounts_disabled_idx", accounts.c.id, postgresql_where=text("status = 'disabled'"))
Index("accounts_required_idx", accounts.c.id, postgresql_where=text("two_factor_policy = 'required'"))
Index("accounts_created_at_idx", accounts.c.created_at, accounts.c.id)
# Finds the hashes of other systems without reading the table once there are none.
Index("accounts_foreign_hash_idx", accounts.c.id, postgresql_where=accounts.c.password_hash.like("foreign:%"))

firebase_projects = Table(
    "firebase_projects",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sealed_parameters", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""The hash parameters of Firebase projects that accounts were imported from: sealed, since they hold a key."""

COLUMNS = (
    accounts.c.id,
    accounts.c.address,
    accounts.c.status,
    accounts.c.credential_epoch,
    accounts.c.created_at,
    accounts.c.password_hash,
    accounts.c.external_id,
    accounts.c.email_verified_at,
    accounts.c.last_login_at,
    accounts.c.locale,
    accounts.c.pending_address,
    accounts.c.pending_until,
    accounts.c.two_factor_policy,
    accounts.c.two_factor_deadline,
)


def account_of(row: Row[*tuple[Any, ...]] | Record) -> Account:
    """The account whose COLUMNS begin this row."""
    (
        id, address, status, epoch, created_at, password_hash,
        external_id, email_verified_at, last_login_at, locale, pending_address, pending_until, policy, deadline,
    ) = row[: len(COLUMNS)]  # fmt: skip
    return Account(
        id=id,
        address=address,
        status=Status(status),
        epoch=epoch,
        created_at=created_at,
        password_hash=password_hash,
        external_id=external_id,
        email_verified_at=email_verified_at,
        last_login_at=last_login_at,
        locale=locale,
        pending_address=pending_address,
        pending_until=pending_until,
        two_factor_policy=AccountPolicy(policy),
        two_factor_deadline=deadline,
    )


IS_UNCHANGED = and_(
    accounts.c.id == bindparam("locked_id", type_=Uuid),
    accounts.c.credential_epoch == bindparam("locked_epoch", type_=Integer),
    accounts.c.status == Status.ACTIVE,
)
UNCHANGED = select(accounts.c.id).where(IS_UNCHANGED)
LOCK_IF_UNCHANGED = UNCHANGED.with_for_update(read=True)
"""Locks the account while it is as it was read, as the first part of a statement of a module above."""


def unchanged(id: UUID, epoch: int) -> dict[str, object]:
    """The parameters of LOCK_IF_UNCHANGED."""
    return {"locked_id": id, "locked_epoch": epoch}


_at = bindparam("at", type_=DateTime(timezone=True))
MUST_ENROLL = or_(
    accounts.c.two_factor_policy == AccountPolicy.REQUIRED,
    and_(accounts.c.two_factor_policy == AccountPolicy.INHERIT, bindparam("must_enroll", type_=Boolean)),
)
"""As `EnrollmentPolicy.applies_to` has it."""

DEADLINE = func.coalesce(accounts.c.two_factor_deadline, _at + bindparam("grace", type_=Interval))
"""The deadline of an account that must enroll; one that was granted none would be granted it now."""

IS_OVERDUE = and_(MUST_ENROLL, _at >= DEADLINE)
"""Of an account without a second factor: it may do nothing but enroll one."""


def overdue(policy: EnrollmentPolicy, at: datetime) -> dict[str, object]:
    """The parameters of IS_OVERDUE."""
    return {"must_enroll": policy.required, "grace": policy.grace, "at": at}
