"""Accounts: making, finding, locking and changing them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.accounts.attempts.domain import Attempt
from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account, AccountPolicy, Address, AddressTaken, EnrollmentPolicy, Status, read_address
from app.accounts.repository import AccountRows
from app.database.engine import Connection, Database
from app.kernel.locale import preferred_locale
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext


@dataclass(frozen=True)
class Accounts:
    database: Database
    attempts: Attempts
    reserved_domains: bool = False
    policy: EnrollmentPolicy = field(default_factory=EnrollmentPolicy)

    def read_address(self, text: str, *, pointer: str = "/email") -> Address:
        """Raises FieldError."""
        return read_address(text, pointer=pointer, reserved_domains=self.reserved_domains)

    async def with_address(self, connection: Connection, folded: str) -> Account | None:
        return await AccountRows(connection).with_address(folded)

    async def add(
        self,
        connection: Connection,
        address: Address,
        password_hash: str | None,
        at: datetime,
        *,
        locale: str | None = None,
    ) -> Account:
        """Raises AddressTaken."""
        account = await AccountRows(connection).add(new_id(), address, password_hash, locale, at)
        if account is None:
            raise AddressTaken
        return account

    async def with_id(self, connection: Connection, id: UUID) -> Account | None:
        return await AccountRows(connection).with_id(id)

    async def lock_if_unchanged(self, connection: Connection, account: Account) -> bool:
        """Locks the account while it is as it was read, before any other row of it; False where it is no longer so."""
        return await AccountRows(connection).lock_if_unchanged(account.id, epoch=account.epoch)

    async def note_login(
        self, connection: Connection, account: Account, attempt: Attempt, context: RequestContext
    ) -> tuple[Account, bool] | None:
        """Locks the account as `lock_if_unchanged` does, before all else of a log-in; None where that would not.

        Also returns whether the account has logged in from this network lately. The first log-in also settles the
        locale, by what the browser asks for, unless it is known.
        """
        return await self.attempts.note_login(connection, account, attempt, _locale_for(account, context))

    async def note_password(
        self, connection: Connection, account: Account, attempt: Attempt, context: RequestContext
    ) -> tuple[Account, bool, bool] | None:
        """As `note_login`, by the password alone; also whether the account is overdue, and so is not logged in."""
        locale = _locale_for(account, context)
        return await self.attempts.note_password(connection, account, attempt, locale, self.policy)

    async def grant_deadlines(self, connection: Connection, ids: Sequence[UUID], at: datetime) -> None:
        """For accounts without a second factor; each gets its deadline once, and only one that must enroll."""
        await AccountRows(connection).grant_deadlines(ids, at, self.policy)

    async def end_grace(self, connection: Connection, account_id: UUID, at: datetime) -> None:
        """For an account that has lost its second factor: one that must have it is overdue at once."""
        await AccountRows(connection).end_grace(account_id, at, self.policy)

    async def set_policy(self, connection: Connection, account_id: UUID, policy: AccountPolicy) -> bool:
        """False where it has this policy already."""
        return await AccountRows(connection).set_policy(account_id, policy)

    async def lock_exclusively(self, connection: Connection, account: Account) -> bool:
        """As `lock_if_unchanged`, with no other transaction of the account beside it: for what must be counted."""
        return await AccountRows(connection).lock_exclusively(account.id, epoch=account.epoch)

    async def lock_existence(self, connection: Connection, account_id: UUID | None) -> UUID | None:
        """Locks the account against deletion; None where there is none any more. The same work without an account."""
        return await AccountRows(connection).lock_existence(account_id)

    async def bump_epoch(self, connection: Connection, account_id: UUID, *, seen: int | None = None) -> Account | None:
        """For `CredentialChange` alone. None where the epoch is no longer the one that was seen."""
        return await AccountRows(connection).bump_epoch(account_id, seen=seen)

    async def bump_every_epoch(self, connection: Connection) -> int:
        """For `CredentialChange` alone."""
        return await AccountRows(connection).bump_every_epoch()

    async def set_password(self, connection: Connection, account: Account, password_hash: str) -> None:
        """For a `CredentialChange`."""
        await AccountRows(connection).set_password(account.id, password_hash)

    async def void_password(self, connection: Connection, account_id: UUID) -> None:
        """For a `CredentialChange`: the account needs a reset before anybody can log in by password."""
        await AccountRows(connection).void_password(account_id)

    async def set_address(
        self, connection: Connection, account: Account, address: Address, *, verified_at: datetime | None
    ) -> None:
        """For a `CredentialChange`. The networks that the account is known by stay known. Raises AddressTaken."""
        if not await AccountRows(connection).set_address(account.id, address, verified_at):
            raise AddressTaken
        await self.attempts.move(connection, account.folded_address, address.folded)

    async def verify_address(self, connection: Connection, account: Account, at: datetime) -> None:
        """Somebody has read the mail that was sent there."""
        await AccountRows(connection).verify_address(account.id, at)

    async def set_pending_address(
        self, connection: Connection, account: Account, address: str, until: datetime
    ) -> None:
        """With the account locked. An address that waits for its mailbox, in place of the one before."""
        await AccountRows(connection).set_pending(account.id, address, until)

    async def drop_pending_address(self, connection: Connection, account: Account) -> None:
        """With the account locked."""
        await AccountRows(connection).set_pending(account.id, None, None)

    async def forget_pending_addresses(self, connection: Connection, of: Sequence[UUID], at: datetime) -> None:
        """Those of these accounts whose time has run out."""
        await AccountRows(connection).forget_pending(of, at)

    async def set_status(self, connection: Connection, account_id: UUID, status: Status) -> bool:
        """False where it has this status already. Disabling belongs into a `CredentialChange`."""
        return await AccountRows(connection).set_status(account_id, status)

    async def set_locale(self, connection: Connection, account_id: UUID, locale: str | None) -> bool:
        """False where it has this locale already."""
        return await AccountRows(connection).set_locale(account_id, locale)

    async def unlock(self, connection: Connection, account: Account) -> None:
        """Ends a lock by wrong passwords."""
        await self.attempts.unlock(connection, account.folded_address)

    async def remove(self, connection: Connection, account: Account) -> bool:
        """With all that is counted about it. False where it is gone already."""
        if await AccountRows(connection).remove(account.id) is None:
            return False
        await self.attempts.forget(connection, account.folded_address)
        return True

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await self.attempts.sweep(connection, at)


def _locale_for(account: Account, context: RequestContext) -> str | None:
    return None if account.last_login_at else preferred_locale(context.requester.languages)
