"""What is done with the driver itself: its connections, its rows, and statements that go past SQLAlchemy."""

from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy import Connection as SyncConnection
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection as Connection

from app.database.errors import cause


class NeverCancelling(asyncpg.Connection):  # type: ignore[misc] # published without types
    """Closes the connection instead when a statement's time is over.

    A COMMIT that waits for the synchronous standby and is cancelled is done at once, on the primary alone: everybody
    sees there what a failover takes back. One whose client is gone goes on waiting.
    """

    def _cancel_current_command(self, *_: Any) -> None:
        # Soon: the driver is about to tell whoever waits for the statement.
        self._loop.call_soon(self.terminate)


class BehindPgbouncer(NeverCancelling):
    """In transaction mode, what belongs together must stand in one transaction, or it meets two servers."""

    async def set_type_codec(self, *args: Any, **kwargs: Any) -> None:
        async with self.transaction():
            await super().set_type_codec(*args, **kwargs)


class Record(asyncpg.Record):  # type: ignore[misc]
    """A row from the driver; its columns are known by place and by name, as those of SQLAlchemy's rows are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _driver_of(connection: Connection) -> Any:
    """The asyncpg connection that the pool lent out."""
    return connection.sync_connection.connection.driver_connection  # type: ignore[union-attr]


async def ask_driver(connection: Connection, statement: str, params: Sequence[Any]) -> Sequence[Record]:
    """Runs a statement past SQLAlchemy, which takes several times as long; the pool learns of faults all the same."""
    driver = _driver_of(connection)
    try:
        rows: Sequence[Record] = await driver.fetch(statement, *params)
    except BaseException as error:
        await _part_with(connection, driver, error)
        raise
    return rows


async def tell_driver(connection: Connection, command: str) -> str:
    """BEGIN and the like, sent as it is: pgbouncer may give a prepared one to two servers. Returns what was done."""
    driver = _driver_of(connection)
    try:
        return str(await driver.execute(command))
    except BaseException as error:
        await _part_with(connection, driver, error)
        raise


async def _part_with(connection: Connection, driver: Any, error: BaseException) -> None:
    """Does after a fault what SQLAlchemy does: only a connection that Postgres itself answered on stays in use."""
    if driver.is_closed() or isinstance(error, TimeoutError | asyncpg.InternalClientError):
        # As in `give_up_the_unanswering`.
        await connection.run_sync(_give_up_its_age, error)
    elif not isinstance(error, Exception):
        # The caller was cancelled in the middle of a statement.
        await connection.invalidate()


def _give_up_its_age(connection: SyncConnection, error: BaseException) -> None:
    pool = connection.engine.pool
    pool._invalidate(connection.connection, error)  # noqa: SLF001 - offered to the engine only
    connection.invalidate(error)


def give_up_the_unanswering(context: ExceptionContext) -> None:
    """A server that let a statement's time run out, or answers out of turn, is as good as gone.

    So this connection is closed, and the others of its age before they are used again: each would cost somebody the
    same wait.
    """
    if isinstance(cause(context.original_exception), TimeoutError | asyncpg.InternalClientError):
        context.is_disconnect = True
