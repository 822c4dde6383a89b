"""WebAuthn credentials: finding them, adding them, advancing their counters; registrations and spent challenges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.accounts.domain import Account
from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import account_of, accounts
from app.database.engine import Connection
from app.two_factor.domain import Credential, Kind, Registration
from app.two_factor.tables import authenticators, factor_accounts, registrations, spent_challenges
from app.two_factor.webauthn import KnownCredential, Registered

_CREDENTIAL = (
    authenticators.c.id.label("authenticator_id"),
    authenticators.c.account_id,
    authenticators.c.public_key,
    factor_accounts.c.user_handle,
    authenticators.c.passkey,
)
_WITH_HANDLE = authenticators.join(factor_accounts, factor_accounts.c.account_id == authenticators.c.account_id)


def _credential_of(row: Row[*tuple[Any, ...]]) -> Credential:
    return Credential(*row[-len(_CREDENTIAL) :])


@dataclass(frozen=True)
class Credentials:
    connection: Connection

    async def known_of(self, account_id: UUID) -> Sequence[KnownCredential]:
        query = select(authenticators.c.credential_id, authenticators.c.transports)
        mine = (authenticators.c.account_id == account_id) & (authenticators.c.kind == Kind.WEBAUTHN)
        rows = await self.connection.execute(query.where(mine).order_by(authenticators.c.id))
        return [KnownCredential(row[0], tuple(row[1])) for row in rows]

    async def of(self, account_id: UUID, credential_id: bytes) -> Credential | None:
        mine = (authenticators.c.account_id == account_id) & (authenticators.c.credential_id == credential_id)
        row = (await self.connection.execute(select(*_CREDENTIAL).select_from(_WITH_HANDLE).where(mine))).first()
        return _credential_of(row) if row else None

    async def with_owner(self, credential_id: bytes) -> tuple[Credential, Account] | None:
        query = select(*ACCOUNT_COLUMNS, *_CREDENTIAL).select_from(
            _WITH_HANDLE.join(accounts, accounts.c.id == authenticators.c.account_id)
        )
        found = await self.connection.execute(query.where(authenticators.c.credential_id == credential_id))
        row = found.first()
        return (_credential_of(row), account_of(row)) if row else None

    async def add(
        self,
        id: UUID,
        registration: Registration,
        registered: Registered,
        rp_id: str,
        at: datetime,
    ) -> bool:
        """False where some account has this credential already."""
        values = {
            "id": id,
            "account_id": registration.account_id,
            "kind": Kind.WEBAUTHN,
            "name": registration.name,
            "created_at": at,
            "credential_id": registered.credential_id,
            "public_key": registered.public_key,
            "sign_count": registered.sign_count,
            "passkey": registration.passkey,
            "backed_up": registered.backed_up,
            "transports": list(registered.transports),
            "rp_id": rp_id,
        }
        statement = upsert(authenticators).values(values)
        added = statement.on_conflict_do_nothing(index_elements=[authenticators.c.credential_id])
        if (await self.connection.execute(added.returning(authenticators.c.id))).first() is None:
            return False
        mine = factor_accounts.c.account_id == registration.account_id
        await self.connection.execute(update(factor_accounts).where(mine).values(had_credential=True))
        return True

    async def advance(self, id: UUID, account_id: UUID, sign_count: int, at: datetime, *, backed_up: bool) -> bool:
        """Notes a use; False where the counter does not advance (WebAuthn §6.1.1), or the authenticator is gone."""
        stored = authenticators.c.sign_count
        advances = stored == 0 if sign_count == 0 else stored < sign_count
        statement = (
            update(authenticators)
            .where(authenticators.c.id == id, authenticators.c.account_id == account_id, advances)
            .values(sign_count=sign_count, last_used_at=at, backed_up=backed_up)
        )
        return (await self.connection.execute(statement.returning(authenticators.c.id))).first() is not None

    async def exists(self, id: UUID) -> bool:
        return (
            await self.connection.execute(select(authenticators.c.id).where(authenticators.c.id == id))
        ).first() is not None

    async def user_handle_of(self, account_id: UUID, fresh: bytes) -> bytes:
        """The account's one; the fresh one where it has none yet."""
        statement = upsert(factor_accounts).values(account_id=account_id, user_handle=fresh)
        kept = func.coalesce(factor_accounts.c.user_handle, statement.excluded.user_handle)
        handle: bytes = (
            await self.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[factor_accounts.c.account_id], set_={"user_handle": kept}
                ).returning(factor_accounts.c.user_handle)
            )
        ).scalar_one()
        return handle

    async def handle_once_used(self, account_id: UUID) -> bytes | None:
        """None until the account had a credential."""
        mine = (factor_accounts.c.account_id == account_id) & factor_accounts.c.had_credential
        handle: bytes | None = await self.connection.scalar(select(factor_accounts.c.user_handle).where(mine))
        return handle

    async def count_foreign(self, rp_id: str) -> int:
        """How many credentials are bound to another RP id, where they can't be used any more."""
        foreign = (authenticators.c.kind == Kind.WEBAUTHN) & (authenticators.c.rp_id != rp_id)
        return (await self.connection.execute(select(func.count()).where(foreign))).scalar_one()


@dataclass(frozen=True)
class Registrations:
    connection: Connection

    async def add(self, digest: bytes, registration: Registration, epoch: int, expires_at: datetime) -> None:
        values = vars(registration) | {"digest": digest, "epoch": epoch, "expires_at": expires_at}
        await self.connection.execute(insert(registrations), values)

    async def spend(self, digest: bytes, account_id: UUID, epoch: int, at: datetime) -> Registration | None:
        """None for what is unknown, another account's, spent, over, or from before the epoch was bumped."""
        mine = (registrations.c.digest == digest) & (registrations.c.account_id == account_id)
        spent = delete(registrations).where(mine, registrations.c.epoch == epoch, registrations.c.expires_at > at)
        row = (
            await self.connection.execute(
                spent.returning(
                    registrations.c.account_id,
                    registrations.c.name,
                    registrations.c.passkey,
                    registrations.c.begun_at,
                )
            )
        ).first()
        return Registration(*row) if row else None

    async def delete_old(self, before: datetime) -> None:
        await self.connection.execute(delete(registrations).where(registrations.c.expires_at <= before))


@dataclass(frozen=True)
class SpentChallenges:
    connection: Connection

    async def spend(self, digest: bytes, expires_at: datetime) -> bool:
        """False where it was spent before."""
        statement = upsert(spent_challenges).values(digest=digest, expires_at=expires_at)
        spent = statement.on_conflict_do_nothing().returning(spent_challenges.c.digest)
        return (await self.connection.execute(spent)).first() is not None

    async def delete_old(self, before: datetime) -> None:
        await self.connection.execute(delete(spent_challenges).where(spent_challenges.c.expires_at <= before))
