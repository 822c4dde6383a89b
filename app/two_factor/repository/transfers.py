"""Authenticator apps of many accounts at once: those that an import brings, and those that an export takes along."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.database.engine import Connection
from app.two_factor.domain import Kind
from app.two_factor.tables import authenticators, clearings, enrollments, factor_accounts, recovery_codes


@dataclass(frozen=True)
class TransferredApp:
    """One confirmed authenticator app."""

    id: UUID
    account_id: UUID
    name: str
    sealed_secret: bytes


@dataclass(frozen=True)
class AuthenticatorTransfers:
    connection: Connection

    async def remove_all(self, account_ids: Sequence[UUID]) -> None:
        """In the transaction that has changed the accounts' rows."""
        await self.connection.execute(delete(clearings).where(clearings.c.account_id.in_(account_ids)))
        await self.connection.execute(delete(enrollments).where(enrollments.c.account_id.in_(account_ids)))
        await self.connection.execute(delete(authenticators).where(authenticators.c.account_id.in_(account_ids)))
        await self.connection.execute(delete(recovery_codes).where(recovery_codes.c.account_id.in_(account_ids)))
        on = factor_accounts.c.account_id.in_(account_ids) & factor_accounts.c.enabled_at.is_not(None)
        await self.connection.execute(update(factor_accounts).where(on).values(enabled_at=None, last_used_at=None))

    async def add_all(self, apps: Sequence[TransferredApp], *, step: int, at: datetime) -> None:
        """Turns 2FA on for their accounts. `step` is spent: a code that was just used elsewhere is worth nothing."""
        rows = [
            {
                "id": app.id,
                "account_id": app.account_id,
                "kind": Kind.TOTP,
                "name": app.name,
                "created_at": at,
                "sealed_secret": app.sealed_secret,
                "last_step": step,
            }
            for app in apps
        ]
        await self.connection.execute(insert(authenticators), rows)
        on = [{"account_id": id, "enabled_at": at} for id in dict.fromkeys(app.account_id for app in apps)]
        statement = upsert(factor_accounts)
        enabled = {"enabled_at": statement.excluded.enabled_at, "last_used_at": None}
        turned_on = statement.on_conflict_do_update(index_elements=[factor_accounts.c.account_id], set_=enabled)
        await self.connection.execute(turned_on, on)

    async def of_each(self, account_ids: Sequence[UUID]) -> Sequence[TransferredApp]:
        columns = (authenticators.c.id, authenticators.c.account_id, authenticators.c.name)
        theirs = authenticators.c.account_id.in_(account_ids) & (authenticators.c.kind == Kind.TOTP)
        query = select(*columns, authenticators.c.sealed_secret).where(theirs).order_by(authenticators.c.id)
        return [TransferredApp(*row) for row in await self.connection.execute(query)]
