"""Checks of tokens that wait together share a statement, and so do lists of one's tokens."""

from collections.abc import Mapping, Sequence

from app.database.batcher import Batcher
from app.database.driver import Record
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.tokens.domain import Caller, LifeRules, ListRequest, LiveTokens
from app.tokens.repository import TokenLists, TokenRows, caller_of, list_of

CallerBatcher = Batcher[bytes, Record, Caller]
ListBatcher = Batcher[ListRequest, Sequence[Record], LiveTokens]


def batch_callers(database: Database, clock: Clock, rules: LifeRules) -> CallerBatcher:
    """By the digests of their tokens."""

    async def find(connection: Connection, digests: Sequence[bytes]) -> Mapping[bytes, Record]:
        return await TokenRows(connection, rules).callers_with(digests, clock.now())

    return Batcher(database, find, caller_of)


def batch_lists(database: Database, clock: Clock, rules: LifeRules) -> ListBatcher:
    async def find(connection: Connection, requests: Sequence[ListRequest]) -> Mapping[ListRequest, Sequence[Record]]:
        return await TokenLists(connection, rules).of(requests, clock.now())

    return Batcher(database, find, list_of)
