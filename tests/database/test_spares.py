"""The database that a test gets is like new, whatever the one before did to it."""

import asyncio

import asyncpg
import pytest

from tests.support.postgres import Spares

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


def test_rows_are_gone_and_the_database_is_used_again(spares: Spares) -> None:
    with spares.one() as first:
        asyncio.run(run(first, _ROW))
        assert asyncio.run(run(first, "SELECT id FROM accounts"))
    with spares.one() as second:
        assert second == first
        assert asyncio.run(run(second, "SELECT id FROM accounts")) == []
        assert asyncio.run(run(second, "SELECT version_num FROM twokeys_schema_version"))


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
def test_a_changed_database_is_not_used_again(spares: Spares, change: str) -> None:
    with spares.one() as first:
        asyncio.run(run(first, change))
    with spares.one() as second:
        assert second != first
