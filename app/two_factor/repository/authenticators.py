"""Authenticators: one row each, spent and advanced one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from app.accounts.tables import accounts
from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection
from app.two_factor.domain import Authenticator, Kind, SecondFactor
from app.two_factor.repository.second_factors import second_factor_of
from app.two_factor.tables import (
    SECOND_FACTOR,
    WITH_SECOND_FACTOR,
    authenticators,
    code_attempts,
    factor_accounts,
)

_at = bindparam("at", type_=DateTime(timezone=True))
_step = bindparam("step", type_=BigInteger)


def spending_step(owner: ColumnElement[UUID]) -> Select[Any]:
    """The owner's second factor, of which a device accepts the step now, and the wrong codes before it forgiven."""
    spent = (
        update(authenticators)
        .where(
            authenticators.c.id == bindparam("device", type_=Uuid),
            authenticators.c.account_id == owner,
            authenticators.c.kind == Kind.TOTP,
            authenticators.c.last_step < _step,
        )
        .values(last_step=_step, last_used_at=_at)
        .returning(authenticators.c.account_id)
        .cte("spent")
    )
    # The account's row is asked for only where the device's was changed, so that two of these never deadlock.
    used = (
        update(factor_accounts)
        .where(factor_accounts.c.account_id == spent.c.account_id, factor_accounts.c.enabled_at.is_not(None))
        .values(last_used_at=_at)
        .returning(factor_accounts.c.account_id)
        .cte("used")
    )
    forgiven = delete(code_attempts).where(code_attempts.c.account_id == owner).cte("forgiven")
    of_owner = WITH_SECOND_FACTOR.join(used, used.c.account_id == accounts.c.id)
    return select(*SECOND_FACTOR).select_from(of_owner).add_cte(forgiven)


_spend_step = CompiledStatement(spending_step(bindparam("owner", type_=Uuid)))

_SHOWN = (
    authenticators.c.id,
    authenticators.c.kind,
    authenticators.c.name,
    authenticators.c.created_at,
    authenticators.c.last_used_at,
    authenticators.c.passkey,
    authenticators.c.backed_up,
)


def used_factor_of(row: Record, at: datetime) -> SecondFactor:
    """A statement that changes rows reads them as they were."""
    return replace(second_factor_of(row), last_used_at=at)


@dataclass(frozen=True)
class Authenticators:
    connection: Connection

    async def add_totp(
        self, id: UUID, account_id: UUID, name: str, sealed_secret: bytes, *, step: int, at: datetime
    ) -> None:
        """Confirmed by the code of `step`, which is spent."""
        values = {
            "id": id,
            "account_id": account_id,
            "kind": Kind.TOTP,
            "name": name,
            "created_at": at,
            "last_used_at": at,
            "sealed_secret": sealed_secret,
            "last_step": step,
        }
        await self.connection.execute(insert(authenticators), values)

    async def spend_step(self, account_id: UUID, device_id: UUID, step: int, at: datetime) -> SecondFactor | None:
        """As it is then, and the wrong codes before it forgiven.

        None where the device is gone, or accepted this step or a later one before.
        """
        params = {"owner": account_id, "device": device_id, "step": step, "at": at}
        row = await _spend_step.first(self.connection, params)
        return used_factor_of(row, at) if row else None

    async def all_of(self, account_id: UUID) -> Sequence[Authenticator]:
        """Oldest first."""
        query = select(*_SHOWN).where(authenticators.c.account_id == account_id).order_by(authenticators.c.id)
        return [_authenticator_of(row) for row in await self.connection.execute(query)]

    async def get(self, account_id: UUID, id: UUID) -> Authenticator:
        """One that is known to be there."""
        return _authenticator_of((await self.connection.execute(select(*_SHOWN).where(_mine(account_id, id)))).one())

    async def find(self, account_id: UUID, id: UUID) -> Authenticator | None:
        row = (await self.connection.execute(select(*_SHOWN).where(_mine(account_id, id)))).first()
        return _authenticator_of(row) if row else None

    async def count(self, account_id: UUID, kind: Kind | None = None) -> int:
        query = select(func.count()).where(authenticators.c.account_id == account_id)
        if kind is not None:
            query = query.where(authenticators.c.kind == kind)
        return (await self.connection.execute(query)).scalar_one()

    async def rename(self, account_id: UUID, id: UUID, name: str) -> bool:
        """False where the account has no such authenticator."""
        renamed = update(authenticators).where(_mine(account_id, id)).values(name=name)
        return (await self.connection.execute(renamed.returning(authenticators.c.id))).first() is not None

    async def remove(self, account_id: UUID, id: UUID) -> Kind | None:
        """With an enrollment that would replace it. None where the account has no such authenticator."""
        gone = delete(authenticators).where(_mine(account_id, id)).returning(authenticators.c.kind)
        kind = await self.connection.scalar(gone)
        return Kind(kind) if kind else None

    async def remove_all_but(self, account_id: UUID, ids: Sequence[UUID]) -> None:
        others = (authenticators.c.account_id == account_id) & authenticators.c.id.not_in(ids)
        await self.connection.execute(delete(authenticators).where(others))


def _mine(account_id: UUID, id: UUID) -> ColumnElement[bool]:
    return and_(authenticators.c.account_id == account_id, authenticators.c.id == id)


def _authenticator_of(row: Row[*tuple[Any, ...]]) -> Authenticator:
    return Authenticator(row.id, Kind(row.kind), *row[2:])
