"""Alembic's way to the database: one at a time, each revision in a transaction of its own, giving way to the service."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app import tables
from app.database.connector import Connector
from app.database.migrations import VERSION_TABLE, adopt_old_version_table, check_encoding
from app.kernel.database_url import read_database_url
from app.settings import load_settings

_LOCK = 0x2FA
# A migration that waits for a table holds up everybody who comes after it, and the service gives up after 3 s. So it
# steps back before that, lets them through, and tries again.
_LOCK_WAIT = "1s"
_ATTEMPTS = 30
_PAUSE_SECONDS = 1.0
# lock_not_available, deadlock_detected
_IN_THE_WAY = ("55P03", "40P01")


def _run(connection: Connection) -> None:
    adopt_old_version_table(connection)
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        compare_server_default=True,
        version_table=VERSION_TABLE,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _engine(dsn: str, **session: str) -> AsyncEngine:
    # Where pgbouncer is used, the role itself has the service's limit for a statement.
    settings = session | {"application_name": "twokeys migrate", "statement_timeout": "0"}
    connector = Connector(read_database_url(dsn), server_settings=settings)
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda **_: connector.connect(),
        poolclass=NullPool,
    )


async def _give_way(dsn: str) -> None:
    engine = _engine(dsn, lock_timeout=_LOCK_WAIT)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with engine.connect() as connection:
                await connection.run_sync(_run)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY or attempt == _ATTEMPTS:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


async def _migrate() -> None:
    dsn = context.config.attributes.get("dsn") or load_settings().database_dsn()
    engine = _engine(dsn)
    # Held by a session of its own, so two that start at once take turns, and the second finds nothing to do.
    async with engine.connect() as turn:
        await turn.execution_options(isolation_level="AUTOCOMMIT")
        await check_encoding(turn)
        # Tried again and again: a statement that waits for the lock keeps its snapshot, and CREATE INDEX CONCURRENTLY
        # of the one that has the lock would wait for that.
        while not await turn.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}):  # noqa: ASYNC110 - a lock has no event
            await asyncio.sleep(_PAUSE_SECONDS / 2)
        await _give_way(dsn)


asyncio.run(_migrate())
