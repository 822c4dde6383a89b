"""Statements that go past SQLAlchemy: what the driver makes of them, and what becomes of a connection after a fault."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from app.accounts.tables import accounts
from app.database.compiled import CompiledStatement
from app.database.engine import Database
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound, Unavailable
from app.services import Services
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, an_account

pytestmark = pytest.mark.anyio

_WITHIN = PATIENCE
AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
_our_end = CompiledStatement("SELECT pg_terminate_backend(pg_backend_pid())")
_add = CompiledStatement("INSERT INTO client_requests (client, asked_at) VALUES (:client, '{}')")
_count = CompiledStatement("SELECT count(*) AS number FROM client_requests WHERE client = :client")


async def is_there(database: Database, client: bytes) -> bool:
    async with database.autocommit() as connection:
        (row,) = await _count.all(connection, {"client": client})
    return bool(row.number)


async def test_a_row_is_known_by_place_and_by_name(database: Database) -> None:
    async with database.autocommit() as connection:
        row = await CompiledStatement("SELECT 1 AS a, 'two' AS b").first(connection, {})
    assert row is not None
    assert (row[0], row.b, row[:2]) == (1, "two", (1, "two"))
    assert not hasattr(row, "c")


async def test_no_row_is_none(database: Database) -> None:
    async with database.autocommit() as connection:
        assert await CompiledStatement("SELECT 1 WHERE false").first(connection, {}) is None


async def test_the_driver_reads_what_it_writes(database: Database) -> None:
    params = {"id": new_id(), "at": AT, "long": timedelta(hours=1), "some": ["a", "b"], "raw": b"\0\xff"}
    echo = CompiledStatement(
        "SELECT CAST(:id AS uuid) AS id, CAST(:at AS timestamptz) AS at, CAST(:long AS interval) AS long,"
        " CAST(:some AS text[]) AS some, CAST(:raw AS bytea) AS raw"
    )
    async with database.autocommit() as connection:
        row = await echo.first(connection, params)
    assert row is not None
    assert dict(row) == params


async def test_json_is_written_as_json(database: Database) -> None:
    kind = CompiledStatement(select(func.jsonb_typeof(bindparam("details", type_=JSONB)).label("kind")))
    async with database.autocommit() as connection:
        row = await kind.first(connection, {"details": {"how": {"many": 7}}})
    assert row is not None
    assert row.kind == "object"


async def test_what_stands_in_a_statement_need_not_be_given(database: Database, services: Services) -> None:
    account = await an_account(services)
    held = CompiledStatement(
        select(accounts.c.id).where(accounts.c.folded_address == EMAIL, accounts.c.status == "active")
    )
    async with database.autocommit() as connection:
        row = await held.first(connection, {})
    assert row is not None
    assert row.id == account.id


@pytest.mark.parametrize("error", [NotFound, KeyError])
async def test_what_raises_leaves_nothing(database: Database, error: type[Exception]) -> None:
    async def refuse() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"undone"})
            raise error

    with pytest.raises(error):
        await refuse()
    assert not await is_there(database, b"undone")
    assert database.pool_in_use() == 0


async def test_a_statement_that_fails_takes_its_transaction_along(database: Database) -> None:
    async def add_twice() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"twice"})
            await _add.all(connection, {"client": b"twice"})

    with pytest.raises(Exception, match="duplicate key"):
        await add_twice()
    assert not await is_there(database, b"twice")


async def test_a_fault_that_nobody_raised_is_never_taken_for_a_commit(database: Database) -> None:
    async def overlook() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"overlooked"})
            with suppress(asyncpg.UniqueViolationError):
                await _add.all(connection, {"client": b"overlooked"})

    with pytest.raises(RuntimeError, match="rolled back"):
        await overlook()
    assert not await is_there(database, b"overlooked")
    assert database.pool_in_use() == 0


async def test_both_ways_share_a_transaction(database: Database, services: Services) -> None:
    account = await an_account(services)
    taken = {"id": new_id(), "address": EMAIL, "folded_address": EMAIL, "status": "active", "credential_epoch": 0}

    async def take_the_address() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"both"})
            await connection.execute(accounts.update().values(credential_epoch=7))
            await connection.execute(accounts.insert().values(**taken, created_at=AT))

    with pytest.raises(IntegrityError):
        await take_the_address()
    assert not await is_there(database, b"both")
    async with database.autocommit() as connection:
        assert await connection.scalar(select(accounts.c.credential_epoch)) == account.epoch


async def test_a_connection_that_is_lost_is_unavailable_and_never_lent_again(database: Database) -> None:
    async def die_in_a_transaction() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"lost"})
            await _our_end.all(connection, {})

    async def die_alone() -> None:
        async with database.autocommit() as connection:
            await _our_end.all(connection, {})

    for die in (die_in_a_transaction, die_alone):
        with pytest.raises(Unavailable):
            await die()
        assert not await is_there(database, b"lost")
    assert database.pool_in_use() == 0


async def test_who_goes_away_in_the_middle_leaves_nothing_open(database: Database) -> None:
    begun = asyncio.Event()

    async def dawdle() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"left"})
            begun.set()
            await CompiledStatement("SELECT pg_sleep(60)").all(connection, {})

    task = asyncio.create_task(dawdle())
    await asyncio.wait_for(begun.wait(), _WITHIN)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(_WITHIN):
        assert not await is_there(database, b"left")
    assert database.pool_in_use() == 0


async def test_who_goes_away_between_statements_leaves_nothing_open(database: Database) -> None:
    begun = asyncio.Event()

    async def dawdle() -> None:
        async with database.transaction() as connection:
            await _add.all(connection, {"client": b"left"})
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(dawdle())
    await asyncio.wait_for(begun.wait(), _WITHIN)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as connection:
        # It would wait for the other transaction if that were still open.
        await _add.all(connection, {"client": b"left"})
    assert await is_there(database, b"left")
