"""Which errors of the database pass by themselves."""

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# What Postgres says (SQLSTATE) when asking again later may well be answered: lost or refused connections, no room,
# shutting down or starting, trouble with a disk, the loser of a deadlock or a lock wait, a session or transaction that
# took too long, and read-only after a failover.
_PASSING_CLASSES = ("08", "53", "57", "58", "40")
READ_ONLY = "25006"
_PASSING_STATES = frozenset({READ_ONLY, "25P03", "25P04", "55P03"})

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


def fault_name(error: BaseException) -> str:
    """What happened, in one word that holds nothing of a statement: the name of the driver's exception."""
    return type(cause(error)).__name__


def is_passing(error: BaseException) -> bool:
    """Whether the fault is the connection's or the server's and not the statement's."""
    if isinstance(error, OSError | TimeoutError | PoolTimeout | InterfaceError | OperationalError):
        return True
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate(error)
    return state.startswith(_PASSING_CLASSES) or state in _PASSING_STATES
