"""Introspections that wait together share a statement."""

from collections.abc import Mapping, Sequence

from app.clients.domain import IntrospectionRequest, IntrospectionResult
from app.clients.repository import Introspections, result_of
from app.database.batcher import Batcher
from app.database.driver import Record
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.tokens.domain import LifeRules

IntrospectionBatcher = Batcher[IntrospectionRequest, Record, IntrospectionResult]


def batch_introspections(database: Database, clock: Clock, rules: LifeRules) -> IntrospectionBatcher:
    async def find(
        connection: Connection, requests: Sequence[IntrospectionRequest]
    ) -> Mapping[IntrospectionRequest, Record]:
        return await Introspections(connection, rules).answer(requests, clock.now())

    return Batcher(database, find, result_of)
