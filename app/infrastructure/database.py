"""The way to Postgres: one pool, transactions, and single reads outside of any."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.kernel.refusal import Unavailable

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

_CONNECT_SECONDS = 4.0
_STATEMENT_SECONDS = 5.0
_WAIT_FOR_A_CONNECTION_SECONDS = 3.0
_RETRY_AFTER_SECONDS = 1

# What Postgres says (SQLSTATE) when asking again later may well be answered: lost or refused connections, no room,
# shutting down or starting, read-only after a failover, and the loser of a deadlock, a lock wait or a time limit.
_PASSING_CLASSES = ("08", "53", "57", "40")
_PASSING_STATES = frozenset({"25006", "55P03"})
_READ_ONLY = "25006"


def _sqlstate(error: BaseException) -> str:
    original = getattr(error, "orig", error)
    return str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")


def is_passing(error: BaseException) -> bool:
    """Whether the fault is the connection's or the server's and not the statement's."""
    if isinstance(error, OSError | PoolTimeout | asyncio.TimeoutError | ssl.SSLError):
        return True
    if isinstance(error, InterfaceError | OperationalError):
        return True
    state = _sqlstate(error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, DBAPIError) and isinstance(error.__cause__ or error.orig, OSError | asyncio.TimeoutError):
        return True
    return state.startswith(_PASSING_CLASSES) or state in _PASSING_STATES


class Database:
    """A pool of connections. Faults that pass by themselves come out as `Unavailable`."""

    def __init__(self, dsn: str, *, pool_size: int = 10, pgbouncer: bool = False) -> None:
        # Behind pgbouncer in transaction mode a prepared statement may meet another server connection.
        driver: dict[str, Any] = {"statement_cache_size": 0} if pgbouncer else {}

        async def connect(**given: Any) -> Any:
            return await asyncpg.connect(
                dsn=dsn, timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS, **{**given, **driver}
            )

        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            connect_args={},
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=_WAIT_FOR_A_CONNECTION_SECONDS,
            # The newest connection is used first, so that idle ones can be told apart after a failover.
            pool_use_lifo=True,
            hide_parameters=True,
        )
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self.pgbouncer = pgbouncer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Commits at the end, rolls back on any exception. A COMMIT that nobody heard back from is `Unavailable`."""
        async with self._told_plainly(), self._engine.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """For single statements, each its own transaction: no BEGIN and no ROLLBACK around them."""
        async with self._told_plainly(), self._single.connect() as connection:
            yield connection

    @asynccontextmanager
    async def _told_plainly(self) -> AsyncIterator[None]:
        try:
            yield
        except (
            TimeoutError,
            SQLAlchemyError,
            OSError,
            asyncpg.exceptions.PostgresError,
            asyncpg.exceptions.InterfaceError,
        ) as error:
            if not is_passing(error):
                raise
            if _sqlstate(error) == _READ_ONLY:
                # The server behind these connections has become a standby: none of them is of use.
                await self._engine.dispose()
            raise Unavailable(retry_after=_RETRY_AFTER_SECONDS) from error

    def pool_in_use(self) -> int:
        return int(self._engine.pool.checkedout())  # type: ignore[attr-defined]

    async def close(self) -> None:
        await self._engine.dispose()
