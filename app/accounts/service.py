"""Accounts: making them, and proving the password of one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import SecretStr

from app.accounts.attempts.domain import Attempt
from app.accounts.attempts.service import Attempts
from app.accounts.domain import (
    Account,
    AccountPolicy,
    Address,
    AddressTaken,
    EnrollmentPolicy,
    Status,
    WeakPassword,
    WrongPassword,
    read_address,
)
from app.accounts.foreign.service import ForeignPasswords
from app.accounts.repository import AccountRows
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.locale import preferred_locale
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.security.foreign_hashes.bounds import ForeignHash
from app.security.foreign_hashes.formats import cost_class_of, is_foreign
from app.security.hasher import Hasher, Match, prepared
from app.security.password_rules import Judgement, PasswordRules

T = TypeVar("T")
_SAME = "This is the password that the account has. Choose another."


@dataclass(frozen=True)
class Verification(Generic[T]):
    """One attempt to log in: whose address it named, what else was found with the account, and how it was counted."""

    account: Account | None
    found: T
    attempt: Attempt
    right: bool


@dataclass(frozen=True)
class Accounts:
    database: Database
    hasher: Hasher
    rules: PasswordRules
    attempts: Attempts
    foreign: ForeignPasswords
    audit_log: AuditLog
    reserved_domains: bool = False
    policy: EnrollmentPolicy = field(default_factory=EnrollmentPolicy)

    def read_address(self, text: str, *, pointer: str = "/email") -> Address:
        """Raises FieldError."""
        return read_address(text, pointer=pointer, reserved_domains=self.reserved_domains)

    async def with_address(self, connection: Connection, folded: str) -> Account | None:
        return await AccountRows(connection).with_address(folded)

    @asynccontextmanager
    async def verifying(
        self,
        folded_address: str,
        password: SecretStr,
        context: RequestContext,
        find: Callable[[str], Awaitable[tuple[Account | None, T]]],
    ) -> AsyncIterator[Verification[T]]:
        """One attempt to log in: counted before the account is even read, and the same work whether there is one.

        Within the block others of the same account and network wait for the outcome before they are refused; a right
        password is forgiven there. Raises RateLimited, TooManyAttempts, Overloaded.
        """
        with self.attempts.track(folded_address, context):
            with self.hasher.slot():
                attempt = await self.attempts.take_login(folded_address, context)
                account, found = await find(folded_address)
                right = await self._is_right(account, folded_address, password, context)
            yield Verification(account, found, attempt, right)

    async def reauthenticate(self, account: Account, password: SecretStr, context: RequestContext) -> None:
        """Asks for the password again before a change that matters.

        Raises WrongPassword, recorded; TooManyAttempts, Overloaded.
        """
        async with self.hasher.turn(account.id):
            await self._reauthenticate(account, password, context)

    async def _reauthenticate(self, account: Account, password: SecretStr, context: RequestContext) -> None:
        with self.attempts.track(account.folded_address, context):
            with self.hasher.slot():
                attempt = await self.attempts.take_password(account.folded_address, context)
                right = await self._is_right(account, account.folded_address, password, context)
            if not right:
                await self._record_wrong_password(account, context)
                raise WrongPassword
            # At once: a wrong code or a weak new password after this is no guess at this one.
            async with self.database.autocommit() as connection:
                await self.attempts.forgive(connection, attempt)

    async def _is_right(
        self, account: Account | None, folded_address: str, password: SecretStr, context: RequestContext
    ) -> bool:
        """Whether this is the password of the active account with this address; the same work either way.

        The hash runs with no connection held.
        """
        # Picked for a known address as well, since picking takes time.
        stand_in = self.foreign.stand_in_for(folded_address)
        match = await self.hasher.match(password, await self._hash_of(account) if account else stand_in)
        if account is None or match is Match.NONE or not account.is_active:
            return False
        if match is Match.OUTDATED:
            await self._rehash(account, password, context)
        return True

    async def _hash_of(self, account: Account) -> str | ForeignHash | None:
        stored = account.password_hash
        return await self.foreign.read(stored) if stored is not None and is_foreign(stored) else stored

    async def _rehash(self, account: Account, password: SecretStr, context: RequestContext) -> None:
        """The same password under our own scheme, and under the costs of today."""
        renewed, old = await self.hasher.hash(password), account.password_hash
        async with self.database.transaction() as connection:
            was_renewed = await AccountRows(connection).rehash(account, renewed)
            if was_renewed and old is not None and is_foreign(old):
                scheme = cost_class_of(old).scheme
                event = EventType.PASSWORD_UPGRADED
                await self.audit_log.record(connection, event, context, account_id=account.id, scheme=scheme)

    async def _record_wrong_password(self, account: Account, context: RequestContext) -> None:
        async with self.database.transaction() as connection:
            await self.audit_log.record(
                connection,
                EventType.PASSWORD_REFUSED,
                context,
                account_id=await AccountRows(connection).lock_existence(account.id),
                reason="wrong_password",
            )

    async def judge(self, password: SecretStr, email: str | None, context: RequestContext) -> Judgement:
        """How good a new password would be, within a budget of its own. Raises FieldError, RateLimited, Overloaded."""
        address = self.read_address(email).text if email is not None else ""
        await self.attempts.take_request(context, budget="password strength")
        return await self.rules.judge(password, address=address)

    async def refuse_weak(self, password: SecretStr, address: str) -> None:
        """Raises WeakPassword with the reason."""
        weakness = await self.rules.weakness(password, address=address)
        if weakness is not None:
            raise WeakPassword(weakness)

    async def is_breached(self, password: SecretStr) -> bool:
        """Whether it is known from a data breach. Asks another service: not within a transaction."""
        return await self.rules.breached.contain(password)

    @staticmethod
    def refuse_same(new: SecretStr, current: SecretStr) -> None:
        """For a current password that was verified. Raises WeakPassword."""
        if prepared(new) == prepared(current):
            raise WeakPassword(_SAME)

    async def refuse_current(self, new: SecretStr, account: Account) -> None:
        """Raises WeakPassword where this is the password that the account has; Overloaded."""
        if account.password_hash is None:
            return
        async with self.hasher.turn(account.id):
            with self.hasher.slot():
                same = await self.hasher.verify(new, await self._hash_of(account))
        if same:
            raise WeakPassword(_SAME)

    async def hash_new(self, password: SecretStr, address: str) -> str:
        """Raises WeakPassword and Overloaded."""
        await self.refuse_weak(password, address)
        return await self.hash(password)

    async def hash(self, password: SecretStr) -> str:
        """Raises Overloaded."""
        with self.hasher.slot():
            return await self.hasher.hash(password)

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
        """Within a `CredentialChange`."""
        await AccountRows(connection).set_password(account.id, password_hash)

    async def void_password(self, connection: Connection, account_id: UUID) -> None:
        """Within a `CredentialChange`: the account needs a reset before anybody can log in by password."""
        await AccountRows(connection).void_password(account_id)

    async def set_address(
        self, connection: Connection, account: Account, address: Address, *, verified_at: datetime | None
    ) -> None:
        """Within a `CredentialChange`. The networks that the account is known by stay known. Raises AddressTaken."""
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
