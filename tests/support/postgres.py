"""The Postgres that a test run uses: one server, one migrated template, and a copy of it for whoever needs its own.

`TWOKEYS_DATABASE_URL` names a server to use instead of the embedded one (its user must be allowed to create databases);
`TWOKEYS_TEST_POSTGRES_BIN` names the folder of the programs to embed, such as /usr/lib/postgresql/15/bin.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from app.database.engine import Database, TimeLimits
from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from app.development.postgres_programs import RunAs, usable_programs
from tests.support.marks import PATIENCE

# Races and replicas in tests open more connections than Postgres' default of 100, and no table lives long enough to
# gain from a vacuum.
SETTINGS = {**DISPOSABLE, "max_connections": "500", "autovacuum": "off"}
_TEMPLATE = "twokeys_template"


@dataclass(frozen=True)
class Server:
    """A running server with a migrated template. Callers name databases; a process has each name for itself."""

    url: str
    template: str

    def url_of(self, name: str) -> str:
        return self._url(_own(name))

    def _url(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    async def create(self, name: str, options: str = "") -> str:
        """An empty database; returns its URL."""
        await self._execute(f'CREATE DATABASE "{_own(name)}" {options}')
        return self.url_of(name)

    async def clone(self, name: str) -> str:
        """A copy of the template; returns its URL. Nobody may be connected to the template meanwhile."""
        await self._execute(f'CREATE DATABASE "{_own(name)}" TEMPLATE "{self.template}"')
        return self.url_of(name)

    async def drop(self, name: str) -> None:
        """Ends the database and whoever is still connected to it."""
        await self._execute(f'DROP DATABASE IF EXISTS "{_own(name)}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(dsn=self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


# The machine may be busy with something else for longer than a caller should wait for an answer.
_PATIENT = TimeLimits(connection=60, lock=60, statement=90, answer=PATIENCE, idle=PATIENCE)


def _own(name: str) -> str:
    return f"{name}_{os.getpid()}"


class KeptDatabase(Database):
    """Its connections stay open from one test to the next: a new one, and each first statement on it, cost more than
    most tests do.
    """

    is_spoiled = False
    """Whether somebody listens to it, who would still do so in the next test."""

    async def close(self) -> None:
        """The application that ends leaves it open."""

    def listen(self, name: str, listener: Callable[..., Any]) -> None:
        self.is_spoiled = True
        super().listen(name, listener)

    def idle(self) -> int:
        """How many connections wait in the pool."""
        pool: Any = self._engine.pool
        return int(pool.checkedin())

    async def end(self) -> None:
        await super().close()


@dataclass
class Spare:
    """A database like a fresh copy of the template."""

    name: str
    url: str
    watch: asyncpg.Connection
    """Looks after it, and belongs to no test."""
    schema: str
    """What `_SCHEMA` said of it."""
    empty: str
    """The statement that leaves no row."""
    database: KeptDatabase


class Spares:
    """Databases like fresh copies of the template. A copy costs a tenth of a second, so one that has only rows too many
    is emptied and serves the next test; one whose schema was changed is dropped.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count()
        self._clean: list[Spare] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Spare]:
        """For one test."""
        spare = self._clean.pop() if self._clean else await self._another()
        yield spare
        # An error means that the test dropped the database, lets nobody in or took the version table away.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            if await self._is_like_new(spare):
                self._clean.append(spare)
                return
        await self._drop(spare)

    async def _another(self) -> Spare:
        name = f"test_{next(self._numbers)}"
        url = await self._server.clone(name)
        watch = await asyncpg.connect(dsn=url)
        tables = await watch.fetch(_TABLES)
        deletions = ", ".join(f"_{number} AS (DELETE FROM {each['name']})" for number, each in enumerate(tables))  # noqa: S608 - as Postgres quotes it
        empty = f"WITH {deletions} {_RESTART}"
        return Spare(name, url, watch, await watch.fetchval(_SCHEMA), empty, KeptDatabase(url, limits=_PATIENT))

    async def _is_like_new(self, spare: Spare) -> bool:
        kept, watch = spare.database, spare.watch
        # All who are connected should be idle ones of the pool.
        if kept.is_spoiled or kept.pool_in_use() or await watch.fetchval(_OTHERS) != kept.idle():
            await kept.end()
            spare.database = KeptDatabase(spare.url, limits=_PATIENT)
            await watch.execute(_END_OTHERS)
        if await watch.fetchval(_SCHEMA) != spare.schema or await watch.fetchval(_BYTES) > _MOST_BYTES:
            return False
        await watch.fetch(spare.empty)
        return True

    async def _drop(self, spare: Spare) -> None:
        await spare.database.end()
        await spare.watch.close()
        await self._server.drop(spare.name)

    async def drop(self) -> None:
        while self._clean:
            await self._drop(self._clean.pop())


# Rows that were deleted still take room, and time of whoever reads past them.
_MOST_BYTES = 4_000_000
_BYTES = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE oid >= 16384 AND relkind = 'r'"
# The migrated database begins with the row of its version. To delete takes a tenth of what TRUNCATE takes, and leaves
# the plans of the connections valid.
_TABLES = """
    SELECT oid::regclass::text AS name FROM pg_class
    WHERE oid >= 16384 AND relkind = 'r' AND relname <> 'twokeys_schema_version'
"""
_RESTART = "SELECT setval(oid, 1, false) FROM pg_class WHERE oid >= 16384 AND relkind = 'S'"
_OTHERS = """
    SELECT CASE WHEN bool_and(state = 'idle') THEN count(*) ELSE -count(*) END FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# What changes with the schema, with the settings of the database, and with the rows that a migrated one begins with.
# ANALYZE changes none of it; 16384 is the first object id that is not Postgres' own.
_SCHEMA = """
    WITH written (what) AS (
        SELECT (relname, relkind, relchecks, relhastriggers, relrowsecurity, reloptions)::text FROM pg_class
            WHERE oid >= 16384
        UNION ALL SELECT (attrelid, attnum, xmin)::text FROM pg_attribute WHERE attrelid >= 16384
        UNION ALL SELECT (oid, xmin)::text FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT (oid, xmin)::text FROM pg_trigger WHERE oid >= 16384
        UNION ALL SELECT (oid, xmin)::text FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT (oid, xmin)::text FROM pg_namespace WHERE oid >= 16384
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
            WHERE d.datname = current_database()
        UNION ALL SELECT version_num FROM twokeys_schema_version
    )
    SELECT md5(string_agg(what, ',' ORDER BY what)) FROM written
"""


def chosen_programs() -> Path | None:
    chosen = os.environ.get("TWOKEYS_TEST_POSTGRES_BIN")
    return Path(chosen) if chosen else None


def program(name: str) -> Path:
    """A program of the Postgres under test, such as pg_dump; none need be on PATH."""
    return usable_programs(RunAs(), chosen_programs()) / name


@contextmanager
def start_server() -> Iterator[Server]:
    """For a session-wide fixture that is a plain generator, since the server belongs to the main thread."""
    params = os.environ.get("TWOKEYS_DATABASE_URL")
    if params:
        with _migrated(params) as server:
            yield server
        return
    embedded = EmbeddedPostgres(settings=SETTINGS, programs=chosen_programs())
    with embedded, _migrated(embedded.url) as server:
        yield server


@contextmanager
def _migrated(url: str) -> Iterator[Server]:
    server = Server(url, template=_own(_TEMPLATE))
    asyncio.run(server.drop(_TEMPLATE))
    asyncio.run(migrate(asyncio.run(server.create(_TEMPLATE))))
    try:
        yield server
    finally:
        asyncio.run(server.drop(_TEMPLATE))


# Transactions that overtake an act between its read and its write, and faults in the middle of an act.

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
        assert acts
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
