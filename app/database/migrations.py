"""Bringing the schema up to date, from the command line and from tests."""

import asyncio
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.database.engine import Connection

_PROJECT = Path(__file__).resolve().parents[2]


def _config(dsn: str | None = None) -> Config:
    config = Config(str(_PROJECT / "alembic.ini"))
    config.set_main_option("script_location", str(_PROJECT / "migrations").replace("%", "%%"))
    config.attributes["dsn"] = dsn
    return config


async def migrate(dsn: str, revision: str = "head") -> None:
    """Safe to start twice at once: the second waits for the first and finds nothing to do."""
    direction = command.downgrade if revision == "base" else command.upgrade
    await asyncio.to_thread(direction, _config(dsn), revision)


@cache
def newest_revision() -> str:
    """The revision that this code was written for."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None  # noqa: S101 - the project has migrations
    return newest


@cache
def known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


async def current_revision(connection: Connection) -> str | None:
    """The revision that the database is at; None where it was never migrated."""
    found = await connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
    if not found:
        return None
    revision: str | None = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def is_behind(revision: str | None) -> bool:
    """Whether migrations are missing.

    A revision that we don't know is ahead of us: the version before goes on serving while a new one rolls in.
    """
    return revision is None or revision in known_revisions() - {newest_revision()}
