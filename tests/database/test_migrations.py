"""The migrations make what the tables say, and can be taken back."""

import asyncio
import re
import subprocess
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.database.migrations import VERSION_TABLE, migrate
from app.tables import metadata
from tests.support.postgres import Server, program

# Alembic's own, and what the release before goes on with until the next one drops it.
_NOT_OURS = (VERSION_TABLE, "two_factor_enrollments")


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    yield asyncio.run(postgres.create("test_migrations"))
    asyncio.run(postgres.drop("test_migrations"))


def _schema(url: str) -> list[str]:
    """The dump's statements in an order of their own."""
    command = [str(program("pg_dump")), "--schema-only", "--no-owner", "--dbname", url]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    dump = re.sub(r"CREATE FUNCTION .*?\$\$;\n", "", dump, flags=re.DOTALL)
    lines = "\n".join(line for line in dump.splitlines() if line and not line.startswith(("--", "SET ", "\\")))
    statements = (statement.strip() for statement in lines.split(";\n"))
    return sorted(statement for statement in statements if not any(name in statement for name in _NOT_OURS))


async def _create_all(url: str) -> None:
    def create(connection: Connection) -> None:
        metadata.create_all(connection)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda **_: asyncpg.connect(dsn=url))
    async with engine.begin() as connection:
        await connection.run_sync(create)
    await engine.dispose()


def test_the_migrations_make_what_the_tables_say(empty: str, database_url: str) -> None:
    asyncio.run(_create_all(empty))
    assert _schema(empty) == _schema(database_url)


def test_down_leaves_nothing_and_up_again_makes_the_same(database_url: str) -> None:
    before = _schema(database_url)
    asyncio.run(migrate(database_url, "base"))
    assert [statement for statement in _schema(database_url) if "CREATE TABLE" in statement] == []
    asyncio.run(migrate(database_url))
    assert _schema(database_url) == before
