"""Reading pages of accounts by what operators look for, and counting how many have a second factor."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, func, literal_column, not_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.accounts.domain import Account, AccountPolicy, EnrollmentPolicy, Status
from app.accounts.tables import COLUMNS, IS_OVERDUE, MUST_ENROLL, account_of, accounts, overdue
from app.admin.domain import AccountFilter, Coverage, CoverageCount
from app.admin.tables import coverage_counts
from app.authentication.domain import TwoFactorStatus
from app.database.engine import Connection
from app.kernel.page import PageOf, cut_page
from app.two_factor.domain import Kind
from app.two_factor.tables import authenticators, enrollments, factor_accounts

_enabled = exists(
    select(factor_accounts.c.account_id).where(
        factor_accounts.c.account_id == accounts.c.id, factor_accounts.c.enabled_at.is_not(None)
    )
)
_is_active = accounts.c.status == Status.ACTIVE


def _in_slice(id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Said of each table: Postgres derives no range of the one that is joined."""
    return and_(id > bindparam("after", type_=Uuid), id <= bindparam("last", type_=Uuid))


# A slice of accounts is joined once: a look for each would take ten times as long.
_on = factor_accounts.c.enabled_at.is_not(None)
_with_credential = (
    select(authenticators.c.account_id)
    .where(authenticators.c.kind == Kind.WEBAUTHN, _in_slice(authenticators.c.account_id))
    .distinct()
    .subquery("keys")
)
_coverage = (
    select(
        func.count().label("accounts"),
        *(
            func.count().filter(state).label(name)
            for name, state in {
                "enabled": _on,
                "phishing_resistant": _with_credential.c.account_id.is_not(None),
                "in_grace": and_(MUST_ENROLL, ~_on, not_(IS_OVERDUE)),
                "overdue": and_(~_on, IS_OVERDUE),
                "exempt": accounts.c.two_factor_policy == AccountPolicy.EXEMPT,
            }.items()
        ),
    )
    .select_from(
        accounts.outerjoin(
            factor_accounts,
            and_(factor_accounts.c.account_id == accounts.c.id, _in_slice(factor_accounts.c.account_id)),
        ).outerjoin(_with_credential, _with_credential.c.account_id == accounts.c.id)
    )
    .where(_is_active, _in_slice(accounts.c.id))
)
_KEPT = (coverage_counts.c.counted_at, *(coverage_counts.c[each.name] for each in fields(Coverage)))
_LAST_ID = UUID(int=(1 << 128) - 1)


def _with_two_factor(status: TwoFactorStatus, at: datetime) -> ColumnElement[bool]:
    pending = exists(
        select(enrollments.c.id).where(
            enrollments.c.account_id == accounts.c.id,
            enrollments.c.epoch == accounts.c.credential_epoch,
            enrollments.c.expires_at > at,
        )
    )
    match status:
        case TwoFactorStatus.ENABLED:
            return _enabled
        case TwoFactorStatus.PENDING:
            return and_(~_enabled, pending)
        case TwoFactorStatus.DISABLED:
            return and_(~_enabled, ~pending)


def _overdue_under(policy: EnrollmentPolicy) -> ColumnElement[bool]:
    found = and_(_is_active, ~_enabled, IS_OVERDUE)
    # Spelled out as in an index again.
    few = accounts.c.two_factor_policy == literal_column(f"'{AccountPolicy.REQUIRED}'")
    return found if policy.required else and_(few, found)


@dataclass(frozen=True)
class AccountPages:
    connection: Connection
    policy: EnrollmentPolicy

    async def page(self, wanted: AccountFilter, at: datetime, *, after: UUID | None, limit: int) -> PageOf[Account]:
        """Newest first; `after` is the last id of the page before."""
        query = select(*COLUMNS).order_by(accounts.c.id.desc()).limit(limit + 1)
        if wanted.email is not None:
            query = query.where(accounts.c.folded_address == wanted.email)
        if wanted.email_prefix is not None:
            query = query.where(accounts.c.folded_address.startswith(wanted.email_prefix.lower(), autoescape=True))
        if wanted.external_id is not None:
            query = query.where(accounts.c.external_id == wanted.external_id)
        if wanted.status is not None:
            # Spelled out, as in the condition of an index: no plan for any status finds those that few accounts have.
            query = query.where(accounts.c.status == literal_column(f"'{wanted.status}'"))
        if wanted.two_factor is not None:
            query = query.where(_with_two_factor(wanted.two_factor, at))
        if wanted.overdue:
            query = query.where(_overdue_under(self.policy))
        if wanted.created_after is not None:
            query = query.where(accounts.c.created_at > wanted.created_after)
        if wanted.created_before is not None:
            query = query.where(accounts.c.created_at < wanted.created_before)
        if after is not None:
            query = query.where(accounts.c.id < after)
        rows = [account_of(row) for row in await self.connection.execute(query, overdue(self.policy, at))]
        return cut_page(rows, limit, lambda account: account.id)


@dataclass(frozen=True)
class CoverageRows:
    connection: Connection

    async def last_of_slice(self, after: UUID, size: int) -> UUID | None:
        """The last of the next `size` accounts in the order of their ids; None where there are no more than these."""
        query = select(accounts.c.id).where(accounts.c.id > after).order_by(accounts.c.id).offset(size - 1).limit(2)
        found = (await self.connection.scalars(query)).all()
        return found[0] if len(found) > 1 else None

    async def count(self, after: UUID, last: UUID | None, at: datetime, policy: EnrollmentPolicy) -> Coverage:
        """Of the accounts behind `after`, up to `last` or to the end."""
        bounds = {"after": after, "last": last or _LAST_ID}
        return Coverage(**(await self.connection.execute(_coverage, overdue(policy, at) | bounds)).mappings().one())

    async def kept(self) -> CoverageCount | None:
        row = (await self.connection.execute(select(*_KEPT))).first()
        return CoverageCount(Coverage(*row[1:]), row.counted_at) if row else None

    async def keep(self, count: CoverageCount) -> None:
        """In place of the one before."""
        values = {"counted_at": count.counted_at, **vars(count.coverage)}
        statement = upsert(coverage_counts).values(values)
        await self.connection.execute(
            statement.on_conflict_do_update(index_elements=[coverage_counts.c.id], set_=values)
        )
