"""The second factor of an account as a whole: reading it, turning it on and off, its recovery codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Text, Uuid, any_, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.accounts.domain import Account
from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import account_of, accounts
from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection
from app.two_factor.domain import SecondFactor, TotpDevice
from app.two_factor.repository.attempts import CodeAttempts
from app.two_factor.tables import (
    SECOND_FACTOR,
    WITH_SECOND_FACTOR,
    authenticators,
    clearings,
    enrollments,
    factor_accounts,
    recovery_codes,
)

_mine = factor_accounts.c.account_id
_of_each = CompiledStatement(
    select(*SECOND_FACTOR)
    .select_from(WITH_SECOND_FACTOR)
    .where(accounts.c.id == any_(bindparam("account_ids", type_=ARRAY(Uuid))))
)
_holder = CompiledStatement(
    select(*ACCOUNT_COLUMNS, *SECOND_FACTOR)
    .select_from(WITH_SECOND_FACTOR)
    .where(accounts.c.folded_address == bindparam("folded", type_=Text))
)


def second_factor_of(row: Row[*tuple[Any, ...]] | Record) -> SecondFactor:
    """From a row with SECOND_FACTOR."""
    devices = zip(row.device_ids or (), row.sealed_secrets or (), row.last_steps or (), strict=True)
    return SecondFactor(
        account_id=row.factor_account_id,
        enabled_at=row.enabled_at,
        last_used_at=row.factor_last_used_at,
        enrollment_expires_at=row.enrollment_expires_at,
        devices=tuple(TotpDevice(*device) for device in devices),
        credentials=row.credentials,
        recovery_codes_remaining=row.recovery_codes_remaining,
        clears_at=row.clears_at,
        clearing_paused_until=row.clearing_paused_until,
    )


@dataclass(frozen=True)
class SecondFactors:
    connection: Connection

    async def of(self, account_id: UUID) -> SecondFactor:
        return (await self.of_each([account_id])).get(account_id) or SecondFactor(account_id)

    async def of_each(self, account_ids: Sequence[UUID]) -> Mapping[UUID, SecondFactor]:
        return {id: second_factor_of(row) for id, row in (await self.rows_of(account_ids)).items()}

    async def rows_of(self, account_ids: Sequence[UUID]) -> Mapping[UUID, Record]:
        """For `second_factor_of`: each by its account."""
        rows = await _of_each.all(self.connection, {"account_ids": account_ids})
        return {row.factor_account_id: row for row in rows}

    async def holder_with(self, folded_address: str) -> tuple[Account, SecondFactor] | None:
        """The account with this address, and its second factor."""
        row = await _holder.first(self.connection, {"folded": folded_address})
        return (account_of(row), second_factor_of(row)) if row else None

    async def turn_on(self, account_id: UUID, at: datetime) -> None:
        """With the first authenticator."""
        on = {"enabled_at": at, "last_used_at": at}
        statement = upsert(factor_accounts).values(account_id=account_id, **on)
        await self.connection.execute(statement.on_conflict_do_update(index_elements=[_mine], set_=on))

    async def turn_off(self, account_id: UUID) -> bool:
        """Every authenticator, enrollment and recovery code, without residue; whether it was on."""
        await self.connection.execute(delete(clearings).where(clearings.c.account_id == account_id))
        await self.connection.execute(delete(enrollments).where(enrollments.c.account_id == account_id))
        await self.connection.execute(delete(authenticators).where(authenticators.c.account_id == account_id))
        await self.connection.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
        off = update(factor_accounts).where(_mine == account_id, factor_accounts.c.enabled_at.is_not(None))
        return await self._has_row(off.values(enabled_at=None, last_used_at=None).returning(_mine))

    async def lock_enabled(self, account_id: UUID) -> bool:
        """Keeps others from the recovery codes until the transaction ends; False where 2FA is not on."""
        enabled = (_mine == account_id) & factor_accounts.c.enabled_at.is_not(None)
        return await self._has_row(select(_mine).where(enabled).with_for_update())

    async def note_use(self, account_id: UUID, at: datetime) -> None:
        await self.connection.execute(update(factor_accounts).where(_mine == account_id).values(last_used_at=at))

    async def spend_recovery_code(self, account_id: UUID, digest: bytes, at: datetime) -> SecondFactor | None:
        """As it is then, and the wrong codes before it forgiven; None where the account has no such code any more."""
        # The account's row goes before its codes', here and where the codes are replaced, so neither deadlocks.
        if not await self.lock_enabled(account_id):
            return None
        mine = (recovery_codes.c.account_id == account_id) & (recovery_codes.c.digest == digest)
        if not await self._has_row(delete(recovery_codes).where(mine).returning(recovery_codes.c.digest)):
            return None
        await self.note_use(account_id, at)
        await CodeAttempts(self.connection).forgive(account_id)
        return await self.of(account_id)

    async def replace_recovery_codes(self, account_id: UUID, digests: Sequence[bytes]) -> None:
        await self.connection.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
        await self.connection.execute(
            insert(recovery_codes), [{"account_id": account_id, "digest": digest} for digest in digests]
        )

    async def recovery_code_digests(self, account_id: UUID) -> Sequence[bytes]:
        query = select(recovery_codes.c.digest).where(recovery_codes.c.account_id == account_id)
        return list(await self.connection.scalars(query))

    async def remove_recovery_codes_but(self, account_id: UUID, digests: Sequence[bytes]) -> None:
        others = (recovery_codes.c.account_id == account_id) & recovery_codes.c.digest.not_in(digests)
        await self.connection.execute(delete(recovery_codes).where(others))

    async def _has_row(self, statement: Any) -> bool:
        return (await self.connection.execute(statement)).first() is not None
