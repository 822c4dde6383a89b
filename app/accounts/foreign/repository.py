"""Accounts in bulk, the hashes that they brought, and the parameters of Firebase projects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asyncpg import UniqueViolationError
from sqlalchemy import func, insert, select, update

from app.accounts.foreign.domain import TakenOver
from app.accounts.tables import accounts, firebase_projects
from app.database.compiled import CompiledStatement
from app.database.engine import Connection

_MOST_CLASSES = 32

_ADD = CompiledStatement("""
    INSERT INTO accounts (id, address, folded_address, external_id, password_hash, status, credential_epoch,
                          created_at, email_verified_at, locale)
    SELECT id, address, folded_address, external_id, password_hash, status, 0, created_at, email_verified_at, locale
    FROM unnest(CAST(:ids AS uuid[]), CAST(:addresses AS text[]), CAST(:folded AS text[]),
                CAST(:external_ids AS text[]), CAST(:hashes AS text[]), CAST(:statuses AS text[]),
                CAST(:created AS timestamptz[]), CAST(:verified AS timestamptz[]), CAST(:locales AS text[]))
        AS new (id, address, folded_address, external_id, password_hash, status, created_at, email_verified_at,
                locale)
    ON CONFLICT DO NOTHING
    RETURNING id
""")
# Locked in the order of their ids, so that two imports of the same accounts wait for each other and not in a circle.
_UPDATE = CompiledStatement("""
    WITH new AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:addresses AS text[]), CAST(:folded AS text[]), CAST(:hashes AS text[]),
            CAST(:statuses AS text[]), CAST(:created AS timestamptz[]), CAST(:verified AS timestamptz[]),
            CAST(:locales AS text[]), CAST(:epochs AS integer[]))
            AS new (id, address, folded_address, password_hash, status, created_at, email_verified_at, locale, epoch)
    ), locked AS MATERIALIZED (
        SELECT id FROM accounts WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE
    )
    UPDATE accounts SET
        address = new.address, folded_address = new.folded_address, password_hash = new.password_hash,
        status = new.status, created_at = coalesce(new.created_at, accounts.created_at),
        email_verified_at = CASE WHEN new.email_verified_at IS NOT NULL
                                 THEN coalesce(accounts.email_verified_at, new.email_verified_at) END,
        locale = new.locale, credential_epoch = credential_epoch + 1
    FROM new JOIN locked USING (id)
    WHERE accounts.id = new.id AND accounts.credential_epoch = new.epoch AND accounts.last_login_at IS NULL
    RETURNING accounts.id
""")
_CLASSES = CompiledStatement("""
    SELECT split_part(password_hash, ':', 2) AS scheme, split_part(password_hash, ':', 3) AS cost,
           count(*) AS accounts, min(password_hash) AS example
    FROM accounts WHERE password_hash LIKE 'foreign:%'
    GROUP BY 1, 2 ORDER BY 3 DESC LIMIT :most
""")
_SCHEMES = CompiledStatement("""
    SELECT split_part(password_hash, ':', 2) AS scheme, count(*) AS accounts
    FROM accounts WHERE password_hash LIKE 'foreign:%' GROUP BY 1 ORDER BY 1
""")


def _columns(rows: Sequence[TakenOver]) -> dict[str, object]:
    return {
        "ids": [row.id for row in rows],
        "addresses": [row.address.text for row in rows],
        "folded": [row.address.folded for row in rows],
        "external_ids": [row.external_id for row in rows],
        "hashes": [row.password_hash for row in rows],
        "statuses": [row.status.value for row in rows],
        "created": [row.created_at for row in rows],
        "verified": [row.email_verified_at for row in rows],
        "locales": [row.locale for row in rows],
        "epochs": [row.epoch for row in rows],
    }


@dataclass(frozen=True)
class ForeignAccountRows:
    connection: Connection

    async def add_all(self, rows: Sequence[TakenOver]) -> set[UUID]:
        """The ids of those that were added: the others' addresses or external ids are taken."""
        return {row.id for row in await _ADD.all(self.connection, _columns(rows))}

    async def update_all(self, rows: Sequence[TakenOver]) -> set[UUID]:
        """Also bumps each epoch. The ids of those that were updated: the others are no longer as they were read.

        None is updated where an address was taken meanwhile.
        """
        try:
            async with self.connection.begin_nested():
                return {row.id for row in await _UPDATE.all(self.connection, _columns(rows))}
        except UniqueViolationError:
            return set()

    async def classes(self) -> Sequence[tuple[str, str, int, str]]:
        """Of the hashes of other systems, the most frequent schemes and costs: how many, and one of them."""
        rows = await _CLASSES.all(self.connection, {"most": _MOST_CLASSES})
        return [(row.scheme, row.cost, row.accounts, row.example) for row in rows]

    async def count_by_scheme(self) -> Mapping[str, int]:
        return {row.scheme: row.accounts for row in await _SCHEMES.all(self.connection, {})}

    async def count(self) -> int:
        return (await self.connection.execute(select(func.count()).select_from(accounts))).scalar_one()


@dataclass(frozen=True)
class FirebaseProjectRows:
    connection: Connection

    async def all(self) -> Sequence[tuple[UUID, bytes]]:
        """The id and the sealed parameters of each."""
        query = select(firebase_projects.c.id, firebase_projects.c.sealed_parameters).order_by(firebase_projects.c.id)
        return [(row[0], row[1]) for row in await self.connection.execute(query)]

    async def add(self, id: UUID, sealed: bytes, at: datetime) -> None:
        values = {"id": id, "sealed_parameters": sealed, "created_at": at}
        await self.connection.execute(insert(firebase_projects), values)

    async def reseal(self, id: UUID, old: bytes, new: bytes) -> bool:
        """False where they changed meanwhile."""
        same = (firebase_projects.c.id == id) & (firebase_projects.c.sealed_parameters == old)
        return (
            await self.connection.execute(update(firebase_projects).where(same).values(sealed_parameters=new))
        ).rowcount == 1
