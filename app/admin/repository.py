"""Reading pages of accounts by what operators look for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, not_, select

from app.accounts.domain import Account, AccountPolicy, EnrollmentPolicy, Status
from app.accounts.tables import COLUMNS, IS_OVERDUE, MUST_ENROLL, account_of, accounts, overdue
from app.admin.domain import AccountFilter, Coverage
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
# All accounts are counted, so they are joined once: a look for each would take ten times as long.
_on = factor_accounts.c.enabled_at.is_not(None)
_with_credential = (
    select(authenticators.c.account_id).where(authenticators.c.kind == Kind.WEBAUTHN).distinct().subquery("keys")
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
        accounts.outerjoin(factor_accounts, factor_accounts.c.account_id == accounts.c.id).outerjoin(
            _with_credential, _with_credential.c.account_id == accounts.c.id
        )
    )
    .where(_is_active)
)


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

    async def coverage(self, at: datetime) -> Coverage:
        counted = await self.connection.execute(_coverage, overdue(self.policy, at))
        return Coverage(**counted.mappings().one())

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
