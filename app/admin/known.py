"""Accounts as operators know them: with the state of their second factor."""

from dataclasses import dataclass
from uuid import UUID

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.admin.domain import KnownAccount
from app.database.engine import Connection
from app.kernel.clock import Clock
from app.kernel.refusal import NotFound
from app.two_factor.service import TwoFactor


@dataclass(frozen=True)
class KnownAccounts:
    clock: Clock
    accounts: Accounts
    two_factor: TwoFactor

    async def with_id(self, connection: Connection, id: UUID) -> KnownAccount:
        """Raises NotFound."""
        account = await self.accounts.with_id(connection, id)
        if account is None:
            raise NotFound
        return (await self.of(connection, account))[0]

    async def of(self, connection: Connection, *accounts: Account) -> list[KnownAccount]:
        at = self.clock.now()
        states = await self.two_factor.states_of(connection, accounts, at)
        return [KnownAccount(account.as_of(at), state) for account, state in zip(accounts, states, strict=True)]

    async def lock(self, connection: Connection, id: UUID) -> Account:
        """Locks the account against deletion, before anything else of it. Raises NotFound."""
        await self.accounts.lock_existence(connection, id)
        account = await self.accounts.with_id(connection, id)
        if account is None:
            raise NotFound
        return account
