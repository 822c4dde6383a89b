"""Looks at second factors that wait together share a statement."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.database.batcher import Batcher
from app.database.driver import Record
from app.database.engine import Connection, Database
from app.two_factor.domain import SecondFactor
from app.two_factor.repository import SecondFactors, second_factor_of

FactorBatcher = Batcher[UUID, Record, SecondFactor]


def batch_factors(database: Database) -> FactorBatcher:
    """By the ids of their accounts."""

    async def find(connection: Connection, account_ids: Sequence[UUID]) -> Mapping[UUID, Record]:
        return await SecondFactors(connection).rows_of(account_ids)

    return Batcher(database, find, second_factor_of)
