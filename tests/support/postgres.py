"""The Postgres that a test run uses: one server, one migrated template, and a copy of it for whoever needs its own.

`TWOKEYS_DATABASE_URL` names a server to use instead of the embedded one (its user must be allowed to create databases);
`TWOKEYS_TEST_POSTGRES_BIN` names the folder of the programs to embed, such as /usr/lib/postgresql/15/bin.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from app.development.postgres_programs import RunAs, usable_programs

# Races and replicas in tests open more connections than Postgres' default of 100.
SETTINGS = {**DISPOSABLE, "max_connections": "300"}


@dataclass(frozen=True)
class Server:
    """A running server with a migrated template. Names of databases are the caller's; they need no quoting."""

    url: str
    template: str

    @property
    def template_url(self) -> str:
        return self.url_of(self.template)

    def url_of(self, database: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    async def create(self, name: str) -> str:
        """An empty database; returns its URL."""
        await self._execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    async def clone(self, name: str) -> str:
        """A copy of the template; returns its URL. Nobody may be connected to the template meanwhile."""
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        return self.url_of(name)

    async def drop(self, name: str) -> None:
        """Ends the database and whoever is still connected to it."""
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(dsn=self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


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
    server = Server(url, template=f"twokeys_template_{os.getpid()}")
    asyncio.run(server.drop(server.template))
    asyncio.run(server.create(server.template))
    try:
        asyncio.run(migrate(server.template_url))
        yield server
    finally:
        asyncio.run(server.drop(server.template))
