"""Reading the second factor of many accounts at once, for pages of accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.database.engine import Connection
from app.two_factor.domain import State, state_of
from app.two_factor.repository import SecondFactors


async def states_of(connection: Connection, account_ids: Sequence[UUID], at: datetime) -> Mapping[UUID, State]:
    """One statement for a page; an account that is not in the answer has no second factor."""
    found = await SecondFactors(connection).of_each(account_ids)
    return {account_id: state_of(factor, at) for account_id, factor in found.items()}
