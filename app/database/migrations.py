"""Bringing the schema up to date, from the command line and from tests."""

import asyncio
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import text

from app.database.engine import Connection

# Alembic's own default may be another service's in the same schema.
VERSION_TABLE = "twokeys_schema_version"
_OLD_VERSION_TABLE = "alembic_version"
# A table that stands beside the old version table only where that one is ours.
_OURS = "two_factor_enrollments"
_APP = Path(__file__).resolve().parents[1]
# The wheel carries them inside of the package; in the source tree they stand beside it.
_MIGRATIONS = next(folder for folder in (_APP / "migrations", _APP.parent / "migrations") if folder.is_dir())


def _config(dsn: str | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
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


class UnsuitableDatabase(Exception):
    """Why a database can't be used, in one line."""


async def check_encoding(connection: Connection) -> None:
    """Raises UnsuitableDatabase for a database that can't hold every character."""
    encoding = await connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise UnsuitableDatabase(
            f"The database has the encoding {encoding}, which can't hold every name and address. Create one with"
            " CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        )


async def current_revision(connection: Connection) -> str | None:
    """The revision that the database is at; None where it was never migrated."""
    return await connection.run_sync(_revision)


def adopt_old_version_table(connection: SyncConnection) -> None:
    """Copies our revision out of Alembic's default table, which releases before 1.1 used.

    The old table stays: those releases read it while their replicas are still served.
    """
    if _revision_in(connection, VERSION_TABLE) is None and (revision := _revision(connection)):
        name = f"{VERSION_TABLE}_pkc"
        connection.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS {VERSION_TABLE}"
                f" (version_num varchar(32) NOT NULL, CONSTRAINT {name} PRIMARY KEY (version_num))"
            )
        )
        insert = text(f"INSERT INTO {VERSION_TABLE} VALUES (:revision)")  # noqa: S608 - a name of ours
        connection.execute(insert, {"revision": revision})
    connection.commit()


def _revision(connection: SyncConnection) -> str | None:
    revision = _revision_in(connection, VERSION_TABLE)
    if revision is None and _exists(connection, _OURS):
        revision = _revision_in(connection, _OLD_VERSION_TABLE)
    return revision


def _revision_in(connection: SyncConnection, table: str) -> str | None:
    if not _exists(connection, table):
        return None
    revision: str | None = connection.scalar(text(f"SELECT version_num FROM {table}"))  # noqa: S608 - a name of ours
    return revision


def _exists(connection: SyncConnection, table: str) -> bool:
    """In the schema that we write to; another on the search path may be somebody else's."""
    query = text("SELECT to_regclass(quote_ident(current_schema()) || '.' || :table) IS NOT NULL")
    return bool(connection.scalar(query, {"table": table}))


def is_behind(revision: str | None) -> bool:
    """Whether migrations are missing.

    A revision that we don't know is ahead of us: the version before goes on serving while a new one rolls in.
    """
    return revision is None or revision in known_revisions() - {newest_revision()}
