"""The database that a test gets is like new, whatever the one before did to it."""

import asyncpg
import pytest
from sqlalchemy import text

from tests.support.postgres import Spare, Spares

pytestmark = pytest.mark.anyio
_ROW = """
    INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)
    VALUES (gen_random_uuid(), 'ada@example.com', 'ada@example.com', 'active', 1, now())
"""


async def run(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn=url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


async def backend_of(spare: Spare) -> int:
    async with spare.database.autocommit() as connection:
        return int(await connection.scalar(text("SELECT pg_backend_pid()")))


async def test_rows_are_gone_and_the_database_is_used_again(spares: Spares) -> None:
    async with spares.one() as first:
        await run(first.url, _ROW)
        assert await run(first.url, "SELECT id FROM accounts")
    async with spares.one() as second:
        assert second.url == first.url
        assert await run(second.url, "SELECT id FROM accounts") == []
        assert await run(second.url, "SELECT version_num FROM twokeys_schema_version")


async def test_its_connections_are_used_again_unless_the_test_broke_one(spares: Spares) -> None:
    async with spares.one() as spare:
        first = await backend_of(spare)
    async with spares.one() as spare:
        assert await backend_of(spare) == first
        await run(spare.url, f"SELECT pg_terminate_backend({first}, 10000)")
    async with spares.one() as spare:
        assert await backend_of(spare) != first


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE accounts ADD COLUMN more int",
        "ALTER TABLE accounts ALTER COLUMN status DROP NOT NULL",
        "ALTER TABLE accounts RENAME TO persons",
        "ALTER TABLE accounts DISABLE TRIGGER ALL",
        "CREATE TABLE more (id int)",
        "CREATE INDEX ON accounts (created_at)",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql RETURN 1",
        "DROP TABLE twokeys_schema_version",
        "DELETE FROM twokeys_schema_version",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 1', current_database()); END $$",
    ],
)
async def test_a_changed_database_is_not_used_again(spares: Spares, change: str) -> None:
    async with spares.one() as first:
        await run(first.url, change)
    async with spares.one() as second:
        assert second.url != first.url
