"""Alembic's way to the database: one connection, one lock, one transaction for all migrations."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app import tables
from app.infrastructure.settings import load_settings

_LOCK = 0x2FA
_LOCK_WAIT = "5s"


def _run(connection: Connection) -> None:
    # Held to the end of the transaction, so two that start at once take turns.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    # A migration must not queue behind a long transaction and hold up everything behind itself.
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'"))
    context.configure(connection=connection, target_metadata=tables.metadata, compare_server_default=True)
    context.run_migrations()


async def _migrate() -> None:
    dsn = context.config.attributes.get("dsn") or load_settings().database_dsn()
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda **_: asyncpg.connect(dsn=dsn), poolclass=NullPool
    )
    async with engine.begin() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_migrate())
