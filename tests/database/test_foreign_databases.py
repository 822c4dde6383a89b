"""A database that is not ours alone: its defaults, its encoding, and what others keep in its schema."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from app.database.engine import Database
from app.database.migrations import current_revision, migrate, newest_revision
from app.kernel.clock import SystemClock
from app.main import create_app
from app.services import build_services
from tests.support.people import an_account, log_in, quick_settings
from tests.support.postgres import Server
from tests.support.service import free_port, over, twokeys

pytestmark = pytest.mark.anyio


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    yield asyncio.run(postgres.create("test_foreign"))
    asyncio.run(postgres.drop("test_foreign"))


def name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def table_names(url: str) -> set[str]:
    database = Database(url)
    async with database.autocommit() as connection:
        names = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    await database.close()
    return set(names)


async def revision_of(url: str) -> str | None:
    database = Database(url)
    async with database.autocommit() as connection:
        revision = await current_revision(connection)
    await database.close()
    return revision


@pytest.mark.parametrize("revision", ["0001", "8f3a"])
async def test_another_services_version_table_is_left_alone(empty: str, revision: str) -> None:
    await execute(
        empty,
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL)",
        f"INSERT INTO alembic_version VALUES ('{revision}')",  # noqa: S608 - words of this test
    )
    assert await revision_of(empty) is None
    await migrate(empty)
    assert {"accounts", "outbox", "alembic_version"} <= await table_names(empty)
    assert await revision_of(empty) == newest_revision()
    database = Database(empty)
    async with database.autocommit() as connection:
        assert await connection.scalar(text("SELECT version_num FROM alembic_version")) == revision
    await database.close()


async def test_the_version_table_of_earlier_releases_is_adopted_and_stays_for_them(empty: str) -> None:
    await migrate(empty, "0001")
    await execute(
        empty,
        "ALTER TABLE twokeys_schema_version RENAME TO alembic_version",
        "ALTER TABLE alembic_version RENAME CONSTRAINT twokeys_schema_version_pkc TO alembic_version_pkc",
    )
    assert await revision_of(empty) == "0001"
    await migrate(empty)
    assert await revision_of(empty) == newest_revision()
    assert "alembic_version" in await table_names(empty)


async def test_a_migration_takes_longer_than_a_statement_of_the_service_may(empty: str) -> None:
    await execute(empty, f"ALTER DATABASE {name_of(empty)} SET statement_timeout = '1ms'")
    await migrate(empty, "0001")


async def test_a_database_of_another_encoding_is_refused(postgres: Server, tmp_path: Path) -> None:
    url = await postgres.create("test_latin1", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        for command in (("migrate",), ("serve", "--port", str(free_port())), ("worker",)):
            done = await asyncio.to_thread(twokeys, *command, env=over(url), cwd=tmp_path)
            assert done.returncode == 1
            assert done.stderr.startswith("twokeys: The database has the encoding LATIN1")
            assert done.stderr.count("\n") == 1
    finally:
        await postgres.drop("test_latin1")


@pytest.fixture
async def serializable(database_url: str) -> str:
    await execute(
        database_url,
        f"ALTER DATABASE {name_of(database_url)} SET default_transaction_isolation = 'serializable'",
    )
    return database_url


@pytest.mark.parametrize("pgbouncer", [False, True])
async def test_transactions_are_read_committed_whatever_the_default_is(serializable: str, *, pgbouncer: bool) -> None:
    database = Database(serializable, pgbouncer=pgbouncer)
    query = text("SHOW transaction_isolation")
    async with database.transaction() as connection:
        assert await connection.scalar(query) == "read committed"
    async with database.autocommit() as connection:
        assert await connection.scalar(query) == "read committed"
    await database.close()


async def test_concurrent_log_ins_succeed_where_serializable_is_the_default(serializable: str) -> None:

    settings = quick_settings(serializable)
    services = build_services(settings, SystemClock())
    await an_account(services)
    await services.close()
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 40000))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as api:
        answers = await asyncio.gather(*(log_in(api) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
