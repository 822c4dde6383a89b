"""The statements of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.accounts.domain import Account, AccountPolicy, Address, EnrollmentPolicy, Status
from app.accounts.tables import (
    COLUMNS,
    DEADLINE,
    LOCK_IF_UNCHANGED,
    MUST_ENROLL,
    UNCHANGED,
    account_of,
    accounts,
    overdue,
    unchanged,
)
from app.database.compiled import CompiledStatement
from app.database.engine import Connection

_lock_if_unchanged = CompiledStatement(LOCK_IF_UNCHANGED)
_lock_existence = CompiledStatement("SELECT id FROM accounts WHERE id >= :id ORDER BY id LIMIT 1 FOR KEY SHARE")
_BEFORE_ALL = UUID(int=0)
_lock_exclusively = UNCHANGED.with_for_update(key_share=True)
# The links to a pending address die with the epoch, so nothing is pending any more.
_NEXT_EPOCH = {
    accounts.c.credential_epoch: accounts.c.credential_epoch + 1,
    accounts.c.pending_address: None,
    accounts.c.pending_until: None,
}
_at = bindparam("at", type_=DateTime(timezone=True))


@dataclass(frozen=True)
class AccountRows:
    connection: Connection

    async def with_address(self, folded: str) -> Account | None:
        row = (await self.connection.execute(select(*COLUMNS).where(accounts.c.folded_address == folded))).first()
        return account_of(row) if row else None

    async def with_id(self, id: UUID) -> Account | None:
        row = (await self.connection.execute(select(*COLUMNS).where(accounts.c.id == id))).first()
        return account_of(row) if row else None

    async def add(
        self, id: UUID, address: Address, password_hash: str | None, locale: str | None, at: datetime
    ) -> Account | None:
        """None where the address is taken."""
        values = {
            "id": id,
            "address": address.text,
            "folded_address": address.folded,
            "password_hash": password_hash,
            "status": Status.ACTIVE,
            "credential_epoch": 0,
            "created_at": at,
            "locale": locale,
        }
        try:
            async with self.connection.begin_nested():
                row = (await self.connection.execute(insert(accounts).values(values).returning(*COLUMNS))).one()
        except IntegrityError:
            return None
        return account_of(row)

    async def lock_if_unchanged(self, id: UUID, *, epoch: int) -> bool:
        """Locks the account while it is as it was read; False where it is no longer so.

        Every transaction locks the account's row before any other row of the account, so none deadlocks.
        """
        return await _lock_if_unchanged.first(self.connection, unchanged(id, epoch)) is not None

    async def lock_existence(self, id: UUID | None) -> UUID | None:
        """Locks the account against deletion until the transaction ends; None where there is none any more.

        For what is written about an account that may be deleted meanwhile, and would leave a trace behind. Without an
        account, some other one is locked, by the same statement: less work, or more, would tell.
        """
        locked = await _lock_existence.first(self.connection, {"id": id or _BEFORE_ALL})
        return id if locked and locked.id == id else None

    async def lock_exclusively(self, id: UUID, *, epoch: int) -> bool:
        """As `lock_if_unchanged`, with no other transaction of the account beside it: for what must be counted."""
        return (await self.connection.execute(_lock_exclusively, unchanged(id, epoch))).first() is not None

    async def bump_epoch(self, id: UUID, *, seen: int | None = None) -> Account | None:
        """Ends everything that was issued under the epoch before; None where it is no longer the one that was seen."""
        statement = update(accounts).where(accounts.c.id == id)
        if seen is not None:
            statement = statement.where(accounts.c.credential_epoch == seen)
        bumped = statement.values(_NEXT_EPOCH).returning(*COLUMNS)
        row = (await self.connection.execute(bumped)).first()
        return account_of(row) if row else None

    async def bump_every_epoch(self) -> int:
        """After a restore: how many accounts there are."""
        bumped = await self.connection.execute(update(accounts).values(_NEXT_EPOCH))
        return bumped.rowcount

    async def set_password(self, id: UUID, password_hash: str) -> None:
        await self._set(id, password_hash=password_hash)

    async def set_address(self, id: UUID, address: Address, verified_at: datetime | None) -> bool:
        """False where the address is taken."""
        try:
            async with self.connection.begin_nested():
                await self._set(id, address=address.text, folded_address=address.folded, email_verified_at=verified_at)
        except IntegrityError:
            return False
        return True

    async def verify_address(self, id: UUID, at: datetime) -> None:
        """Keeps the time of an earlier proof."""
        await self._set(id, email_verified_at=func.coalesce(accounts.c.email_verified_at, at))

    async def set_pending(self, id: UUID, address: str | None, until: datetime | None) -> None:
        await self._set(id, pending_address=address, pending_until=until)

    async def void_password(self, id: UUID) -> None:
        await self.connection.execute(update(accounts).where(accounts.c.id == id).values(password_hash=None))

    async def set_status(self, id: UUID, status: Status) -> bool:
        """False where it has this status already."""
        statement = update(accounts).where(accounts.c.id == id, accounts.c.status != status).values(status=status)
        return (await self.connection.execute(statement)).rowcount == 1

    async def set_locale(self, id: UUID, locale: str | None) -> bool:
        """False where it has this locale already."""
        another = (accounts.c.id == id) & accounts.c.locale.is_distinct_from(locale)
        return (await self.connection.execute(update(accounts).where(another).values(locale=locale))).rowcount == 1

    async def rehash(self, account: Account, password_hash: str) -> bool:
        """The same password under today's costs; False where it changed meanwhile."""
        same = (accounts.c.id == account.id) & (accounts.c.password_hash == account.password_hash)
        statement = update(accounts).where(same).values(password_hash=password_hash)
        return (await self.connection.execute(statement)).rowcount == 1

    async def forget_pending(self, of: Sequence[UUID], at: datetime) -> None:
        expired = update(accounts).where(accounts.c.id.in_(of), accounts.c.pending_until <= at)
        await self.connection.execute(expired.values(pending_address=None, pending_until=None))

    async def set_policy(self, id: UUID, policy: AccountPolicy) -> bool:
        """False where it has this policy already."""
        other = accounts.c.two_factor_policy != policy
        statement = update(accounts).where(accounts.c.id == id, other).values(two_factor_policy=policy)
        return (await self.connection.execute(statement)).rowcount == 1

    async def grant_deadlines(self, ids: Sequence[UUID], at: datetime, policy: EnrollmentPolicy) -> None:
        """To those of these accounts that must enroll and have none."""
        ungranted = accounts.c.id.in_(ids) & accounts.c.two_factor_deadline.is_(None)
        statement = update(accounts).where(ungranted, MUST_ENROLL).values(two_factor_deadline=DEADLINE)
        await self.connection.execute(statement, overdue(policy, at))

    async def end_grace(self, id: UUID, at: datetime, policy: EnrollmentPolicy) -> None:
        """Where the account must enroll: it has lost its second factor, and is overdue at once."""
        statement = update(accounts).where(accounts.c.id == id, MUST_ENROLL)
        await self.connection.execute(
            statement.values(two_factor_deadline=func.least(DEADLINE, _at)), overdue(policy, at)
        )

    async def remove(self, id: UUID) -> Account | None:
        row = (await self.connection.execute(delete(accounts).where(accounts.c.id == id).returning(*COLUMNS))).first()
        return account_of(row) if row else None

    async def _set(self, id: UUID, **values: Any) -> None:
        await self.connection.execute(update(accounts).where(accounts.c.id == id).values(**values))
