"""Accounts: making them, and proving the password of one."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from app.accounts.attempts.domain import Attempt
from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account, Address, AddressTaken, WeakPassword, WrongPassword
from app.accounts.repository import AccountRows
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.requester import Requester
from app.security.hasher import Hasher, Match, prepared
from app.security.password_rules import PasswordRules

_SAME = "This is the password that the account has. Choose another."


@dataclass(frozen=True)
class Accounts:
    database: Database
    clock: Clock
    hasher: Hasher
    rules: PasswordRules
    attempts: Attempts
    audit_log: AuditLog

    async def with_address(self, folded: str) -> Account | None:
        async with self.database.autocommit() as connection:
            return await AccountRows(connection).with_address(folded)

    async def verify_password(self, account: Account | None, password: SecretStr) -> bool:
        """Whether this is the password of an active account; the same work either way.

        Called with a slot of the hasher and an attempt that was counted; the hash runs with no connection held.
        """
        match = await self.hasher.match(password, account.password_hash if account else None)
        if account is None or match is Match.NONE or not account.is_active:
            return False
        if match is Match.OUTDATED:
            renewed = await self.hasher.hash(password)
            async with self.database.autocommit() as connection:
                await AccountRows(connection).rehash(account, renewed)
        return True

    async def reauthenticate(self, account: Account, password: SecretStr, requester: Requester) -> Attempt:
        """Asks for the password again before a change that matters.

        Raises WrongPassword, recorded; TooManyAttempts, Overloaded.
        """
        with self.attempts.track(account.folded_address, requester):
            return await self._reauthenticate(account, password, requester)

    async def _reauthenticate(self, account: Account, password: SecretStr, requester: Requester) -> Attempt:
        at = self.clock.now()
        with self.hasher.slot():
            attempt = await self.attempts.take_password(account.folded_address, requester, at)
            right = await self.verify_password(account, password)
        if not right:
            async with self.database.transaction() as connection:
                await self.audit_log.record(
                    connection,
                    EventType.PASSWORD_REFUSED,
                    account_id=await AccountRows(connection).lock_existence(account.id),
                    at=at,
                    requester=requester,
                    reason="wrong_password",
                )
            raise WrongPassword
        # Given back at once: a wrong code or a weak new password after this is no guess at this one.
        async with self.database.autocommit() as connection:
            await self.attempts.forgive(connection, attempt)
        return attempt

    async def refuse_weak(self, password: SecretStr, address: str) -> None:
        """Raises WeakPassword with the reason."""
        weakness = await self.rules.weakness(password, address=address)
        if weakness is not None:
            raise WeakPassword(weakness)

    @staticmethod
    def refuse_same(new: SecretStr, current: SecretStr) -> None:
        """For a current password that was verified. Raises WeakPassword."""
        if prepared(new) == prepared(current):
            raise WeakPassword(_SAME)

    async def refuse_current(self, new: SecretStr, account: Account) -> None:
        """Raises WeakPassword where this is the password that the account has; Overloaded."""
        if account.password_hash is None:
            return
        with self.hasher.slot():
            same = await self.hasher.verify(new, account.password_hash)
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

    async def add(self, connection: Connection, address: Address, password_hash: str | None, at: datetime) -> Account:
        """Raises AddressTaken."""
        account = await AccountRows(connection).add(new_id(), address, password_hash, at)
        if account is None:
            raise AddressTaken
        return account
