"""The way to Postgres: one pool, transactions, and single statements outside of any."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from sqlalchemy import MetaData, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.database.connector import Connector
from app.database.driver import BehindPgbouncer, NeverCancelling, Record, give_up_the_unanswering, tell_driver
from app.database.errors import FAULTS, READ_ONLY, error_name, is_transient, sqlstate
from app.kernel.database_url import read_database_url
from app.kernel.refusal import Refusal, Unavailable
from app.observability.metrics import Counter

Connection = AsyncConnection

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

_RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True)
class TimeLimits:
    """How long the database is waited for, in seconds.

    A lock that somebody sits on and a statement that takes too long are given up by the server, before our own time for
    an answer is over: so running into that one means a server that no longer answers.
    """

    connection: float = 3.0
    """For one of the pool to be free."""
    lock: float = 3.0
    statement: float = 4.5
    answer: float = 5.0
    idle: float = 10.0
    """In a transaction: a process of ours that froze in one loses its locks."""

    def session(self) -> dict[str, str]:
        """What is asked of the server for each of our sessions."""
        return {
            # Whatever the database or the role has as its default: statements here are written for this one.
            "default_transaction_isolation": "read committed",
            "lock_timeout": f"{self.lock}s",
            "statement_timeout": f"{self.statement}s",
            "idle_in_transaction_session_timeout": f"{self.idle}s",
        }


# Said each time, since behind pgbouncer a session has no settings of ours.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# duplicate_prepared_statement, invalid_sql_statement_name: somebody else has the server connection that had ours.
_LOST_STATEMENT = ("42P05", "26000")

_log = structlog.get_logger("twokeys.database")
_faults = Counter("twokeys_database_faults", "Faults of the database that were answered with 503.", ("error",))


async def _commit(connection: Connection) -> None:
    if await tell_driver(connection, "COMMIT") != "COMMIT":
        # What Postgres does with a COMMIT after a statement whose fault nobody raised.
        raise RuntimeError("A transaction was rolled back where it was to be committed.")


async def _roll_back(connection: Connection) -> None:
    """Where that can't be done, the connection is thrown away, and Postgres rolls back by itself."""
    if connection.invalidated:
        return
    try:
        await tell_driver(connection, "ROLLBACK")
    except FAULTS:
        await connection.invalidate()


def _unnamed() -> str:
    """Parsed anew each time and never left behind on a server connection that somebody else gets next."""
    return ""


class Database:
    """A pool of connections. Transient errors are raised as `Unavailable`."""

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 10,
        pgbouncer: bool = False,
        limits: TimeLimits = TimeLimits(),
    ) -> None:
        """Raises UrlUnreadable. Opens no connection yet."""
        driver: dict[str, Any] = {"server_settings": limits.session(), "connection_class": NeverCancelling}
        prepared: dict[str, Any] = {}
        if pgbouncer:
            # It refuses to pass settings of a session on: they belong to the role there (docs/how-to/operate.md).
            driver = {"statement_cache_size": 0, "connection_class": BehindPgbouncer}
            prepared = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": _unnamed}

        connector = Connector(read_database_url(dsn), command_timeout=limits.answer, record_class=Record, **driver)

        async def connect(**_: Any) -> Any:
            try:
                return await connector.connect()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                # Whatever keeps us out, be it a start-up, a standby or a password: nothing was done.
                raise ConnectionError(str(error).partition("\n")[0] or type(error).__name__) from error

        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            connect_args=prepared,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=limits.connection,
            # The newest connection is used first, so that idle ones can be told apart after a failover.
            pool_use_lifo=True,
            hide_parameters=True,
            # Once for each connection; a transaction here says BEGIN and COMMIT by itself.
            isolation_level="AUTOCOMMIT",
        )
        event.listen(self._engine.sync_engine, "handle_error", give_up_the_unanswering)
        self._free = asyncio.Semaphore(pool_size)
        self._wait_seconds = limits.connection
        self.pool_size = pool_size
        self.pgbouncer = pgbouncer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Commits at the end, rolls back on any exception. A COMMIT that nobody heard back from is `Unavailable`."""
        async with self._connected() as connection:
            await tell_driver(connection, _BEGIN)
            try:
                yield connection
                await _commit(connection)
            except Exception:
                await _roll_back(connection)
                raise
            except BaseException:
                # The caller was cancelled and would not wait for a ROLLBACK either.
                await connection.invalidate()
                raise

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Connection]:
        """Each statement is committed by itself, without BEGIN and ROLLBACK around it. For reads and single writes."""
        if self.pgbouncer:
            async with self._kept_together() as connection:
                yield connection
            return
        async with self._connected() as connection:
            yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """First come, first served. The pool by itself lends to whoever arrives when a connection is returned.

        In a flood, the request that has waited longest would then time out.
        """
        async with self._translating_errors():
            if self._free.locked():
                async with asyncio.timeout(self._wait_seconds):
                    await self._free.acquire()
            else:
                await self._free.acquire()
            try:
                connection = await self._engine.connect()
                try:
                    yield connection
                finally:
                    # Not by `async with`: it gives back in a task of its own, two turns of the event loop later.
                    await connection.close()
            finally:
                self._free.release()

    @asynccontextmanager
    async def _kept_together(self) -> AsyncIterator[Connection]:
        """A transaction that keeps what was done before a refusal, as single statements do."""
        refusal: Refusal | None = None
        async with self.transaction() as connection:
            try:
                yield connection
            except Refusal as refused:
                refusal = refused
        if refusal is not None:
            raise refusal

    @asynccontextmanager
    async def _translating_errors(self) -> AsyncIterator[None]:
        try:
            yield
        except FAULTS as error:
            if not is_transient(error):
                if sqlstate(error) in _LOST_STATEMENT:
                    _log.error("looks_like_pgbouncer", hint="set TWOKEYS_PGBOUNCER=true")
                raise
            _faults.labels(error_name(error)).inc()
            if sqlstate(error) == READ_ONLY:
                # The server behind these connections has become a standby: none of them is of use.
                await self._engine.dispose()
            raise Unavailable(retry_after=_RETRY_AFTER_SECONDS) from error

    def listen(self, name: str, listener: Callable[..., Any]) -> None:
        """Tells of SQLAlchemy's events of the pool and of statements."""
        event.listen(self._engine.sync_engine, name, listener)

    def pool_in_use(self) -> int:
        return int(self._engine.pool.checkedout())  # type: ignore[attr-defined]

    async def close(self) -> None:
        await self._engine.dispose()
