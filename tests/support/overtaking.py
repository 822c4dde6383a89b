"""Transactions that overtake an act between its read and its write, and faults in the middle of an act."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T")
# Of this database alone: other tests wait on the same server.
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_END = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'twokeys'"
)


async def overtaken(database_url: str, act: Coroutine[Any, Any, T], statement: str, *params: object) -> T:
    """What an act returns or raises that ran into this statement: it is committed once the act waits for it."""
    async with holding(database_url, statement, *params) as writer:
        running = asyncio.create_task(act)
        await writer.until_waiting(running)
    return await running


class ConcurrentWriter:
    def __init__(self, watcher: asyncpg.Connection) -> None:
        self._watcher = watcher

    async def until_waiting(self, *acts: asyncio.Future[Any]) -> None:
        while await self._watcher.fetchval(WAITING) < len(acts):
            assert not any(act.done() for act in acts), "It never waited for the other transaction."
            await asyncio.sleep(0.01)


@asynccontextmanager
async def holding(database_url: str, statement: str, *params: object) -> AsyncIterator[ConcurrentWriter]:
    """The statement is done at once and committed at the end."""
    connection, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(statement, *params)
            yield ConcurrentWriter(watcher)
    finally:
        await connection.close()
        await watcher.close()


async def end_connections(database_url: str) -> None:
    """As a restart of Postgres does: every connection of the service is gone, the next ones are answered."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_END)
    finally:
        await connection.close()
