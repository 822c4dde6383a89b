"""Which errors of the database are transient."""

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# SQLSTATEs of transient errors, where a retry may succeed: lost or refused connections, no resources left,
# shutting down or starting, an I/O error, the loser of a deadlock or a lock wait, a session or transaction that
# took too long, and read-only after a failover.
_TRANSIENT_CLASSES = ("08", "53", "57", "58", "40")
READ_ONLY = "25006"
_TRANSIENT_STATES = frozenset({READ_ONLY, "25P03", "25P04", "55P03"})

FAULTS = (
    TimeoutError,
    OSError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def cause(error: BaseException) -> BaseException:
    """The driver's own exception behind SQLAlchemy's, or behind ours where we could not connect."""
    original = getattr(error, "orig", None) or error
    # The driver's tell themselves what they are, whatever they were caused by.
    return original if isinstance(original, asyncpg.PostgresError) else original.__cause__ or original


def sqlstate(error: BaseException) -> str:
    return str(getattr(cause(error), "sqlstate", None) or "")


def error_name(error: BaseException) -> str:
    """The name of the driver's exception: one word, and nothing of the statement."""
    return type(cause(error)).__name__


def is_transient(error: BaseException) -> bool:
    """Whether the error is the connection's or the server's and not the statement's."""
    if isinstance(error, OSError | TimeoutError | PoolTimeout | InterfaceError | OperationalError):
        return True
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate(error)
    return state.startswith(_TRANSIENT_CLASSES) or state in _TRANSIENT_STATES
