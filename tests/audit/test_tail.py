"""The tail of the log: everything that was committed, once, whatever transactions do meanwhile."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from app.audit.domain import START_OF_LOG, EventFilter, EventType, Position
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from tests.support.marks import PATIENCE

pytestmark = pytest.mark.anyio
LOG = AuditLog(timedelta(days=400))


class SteppedClock(Protocol):
    def now(self) -> datetime: ...


async def record(connection: Connection, clock: SteppedClock) -> UUID:
    """Returns the account that it is about, which is new."""
    account_id = new_id()
    await LOG.record(connection, EventType.LOGIN_SUCCEEDED, RequestContext(clock.now()), account_id=account_id)
    return account_id


async def read(database: Database, after: Position, count: int) -> tuple[list[UUID | None], Position]:
    """The accounts of so many events; transactions in the databases of other tests may hold them back for a moment."""
    seen: list[UUID | None] = []
    async with asyncio.timeout(PATIENCE), database.autocommit() as connection:
        while len(seen) < count:
            batch, after = await LOG.tail(connection, after)
            seen += [event.account_id for event in batch]
    return seen, after


async def test_what_commits_late_is_neither_lost_nor_doubled(database: Database, clock: SteppedClock) -> None:
    async with database.transaction() as sleeper:
        late = await record(sleeper, clock)
        async with database.transaction() as other:
            early = await record(other, clock)
        async with database.autocommit() as connection:
            assert await LOG.tail(connection, START_OF_LOG) == ([], START_OF_LOG)
            await LOG.measure_tail(connection, clock.now() + timedelta(seconds=90))
        assert REGISTRY.get_sample_value("twokeys_events_held_back_seconds") == 90
    async with database.transaction() as other:
        last = await record(other, clock)
    seen, position = await read(database, START_OF_LOG, 3)
    assert seen == [late, early, last]
    async with database.autocommit() as connection:
        assert await LOG.tail(connection, position) == ([], position)


async def test_writers_that_end_in_any_order_are_each_read_once_or_never(
    database: Database, clock: SteppedClock
) -> None:
    """A reader asks after each end. It reads in the order in which the writers began to write."""
    written: list[list[UUID | None]] = []
    seen: list[UUID | None] = []
    position = START_OF_LOG
    writers = [database.transaction() for _ in range(6)]
    for writer in writers:
        connection = await writer.__aenter__()
        written.append([await record(connection, clock), await record(connection, clock)])
    rolled_back = {1, 4}
    for number in (3, 5, 1, 0, 4, 2):
        fault = (Gone, Gone(), None) if number in rolled_back else (None, None, None)
        with suppress(Gone):
            await writers[number].__aexit__(*fault)
        async with database.autocommit() as connection:
            batch, position = await LOG.tail(connection, position)
        seen += [event.account_id for event in batch]
    expected = [id for number in (0, 2, 3, 5) for id in written[number]]
    assert seen == expected[: len(seen)]
    assert seen + (await read(database, position, len(expected) - len(seen)))[0] == expected


class Gone(Exception):
    """The writer gives up."""


async def test_what_was_rolled_back_never_appears(database: Database, clock: SteppedClock) -> None:
    with suppress(NotFound):
        async with database.transaction() as connection:
            await record(connection, clock)
            raise NotFound
    async with database.transaction() as connection:
        kept = await record(connection, clock)
    seen, _ = await read(database, START_OF_LOG, 1)
    assert seen == [kept]


async def test_the_tail_begins_behind_what_has_happened(database: Database, clock: SteppedClock) -> None:
    async with database.transaction() as connection:
        await record(connection, clock)
    await read(database, START_OF_LOG, 1)
    async with database.transaction() as sleeper:
        late = await record(sleeper, clock)
        async with database.autocommit() as connection:
            position = await LOG.end(connection)
    seen, _ = await read(database, position, 1)
    assert seen == [late]


async def test_a_reader_goes_on_behind_an_event(database: Database, clock: SteppedClock) -> None:
    async with database.transaction() as connection:
        await record(connection, clock)
        await record(connection, clock)
        third = await record(connection, clock)
    async with database.autocommit() as connection:
        newest = await LOG.all_events(connection, EventFilter(), after=None, limit=2)
        seen, _ = await read(database, await LOG.position_of(connection, newest.items[1].id), 1)
        assert seen == [third]
        with pytest.raises(NotFound):
            await LOG.position_of(connection, new_id())


async def test_the_release_before_goes_on_recording(database: Database) -> None:
    insertion = text("INSERT INTO events (id, type, occurred_at, details) VALUES (:id, 'login.failed', now(), '{}')")
    async with database.transaction() as connection:
        await connection.execute(insertion, {"id": new_id()})
    assert (await read(database, START_OF_LOG, 1))[0] == [None]
