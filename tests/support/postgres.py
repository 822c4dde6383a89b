"""The Postgres that a test run uses: one server, one migrated template, and a copy of it for whoever needs its own.

`TWOKEYS_DATABASE_URL` names a server to use instead of the embedded one (its user must be allowed to create databases);
`TWOKEYS_TEST_POSTGRES_BIN` names the folder of the programs to embed, such as /usr/lib/postgresql/15/bin.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from app.development.postgres_programs import RunAs, usable_programs

# Races and replicas in tests open more connections than Postgres' default of 100.
SETTINGS = {**DISPOSABLE, "max_connections": "500"}
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


def _own(name: str) -> str:
    return f"{name}_{os.getpid()}"


class Spares:
    """Databases like fresh copies of the template. A copy costs a tenth of a second, so one that has only rows too many
    is emptied and serves the next test; one whose schema was changed is dropped.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count()
        self._clean: list[tuple[str, str]] = []
        """Name, and what `_SCHEMA` said of it."""

    @contextmanager
    def one(self) -> Iterator[str]:
        """Its URL, for one test."""
        name, schema = self._clean.pop() if self._clean else asyncio.run(self._another())
        yield self._server.url_of(name)
        asyncio.run(self._take_back(name, schema))

    async def _another(self) -> tuple[str, str]:
        name = f"test_{next(self._numbers)}"
        connection = await asyncpg.connect(dsn=await self._server.clone(name))
        try:
            return name, await connection.fetchval(_SCHEMA)
        finally:
            await connection.close()

    async def _take_back(self, name: str, schema: str) -> None:
        # An error means that the test dropped the database, lets nobody in or took the version table away.
        with suppress(asyncpg.PostgresError):
            connection = await asyncpg.connect(dsn=self._server.url_of(name))
            try:
                await connection.execute(_END_OTHERS)
                if await connection.fetchval(_SCHEMA) == schema:
                    await connection.execute(_EMPTY)
                    self._clean.append((name, schema))
                    return
            finally:
                await connection.close()
        await self._server.drop(name)

    def drop(self) -> None:
        while self._clean:
            asyncio.run(self._server.drop(self._clean.pop()[0]))


_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# What changes with the schema, with the settings of the database, and with the rows that a migrated one begins with.
# TRUNCATE and ANALYZE change none of it; 16384 is the first object id that is not Postgres' own.
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
_EMPTY = """
    DO $$
    DECLARE name text; written text[]; found boolean;
    BEGIN
        FOR name IN SELECT oid::regclass::text FROM pg_class
            WHERE oid >= 16384 AND relkind = 'r' AND relname <> 'twokeys_schema_version'
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', name) INTO found;
            IF found THEN written := written || name; END IF;
        END LOOP;
        IF written IS NOT NULL THEN
            EXECUTE format('TRUNCATE %s RESTART IDENTITY CASCADE', array_to_string(written, ', '));
        END IF;
    END $$
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
