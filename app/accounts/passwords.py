"""Passwords: proving the one that an account has, and judging and hashing a new one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import SecretStr

from app.accounts.attempts.domain import Attempt
from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account, Address, WeakPassword, WrongPassword
from app.accounts.foreign.service import ForeignPasswords
from app.accounts.repository import AccountRows
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Database
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
class Passwords:
    database: Database
    hasher: Hasher
    rules: PasswordRules
    attempts: Attempts
    foreign: ForeignPasswords
    audit_log: AuditLog
    read_address: Callable[[str], Address]

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
