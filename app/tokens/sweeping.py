"""Dead tokens go, in slices: what one round costs depends on no table's size."""

from datetime import datetime
from uuid import UUID

from app.database.engine import Connection
from app.tokens.domain import LifeRules
from app.tokens.repository import TokenRows

# Of accounts. Should all of them hold as many tokens as they may, the statement still ends in time.
_SLICE = 2000
_SLICES_A_ROUND = 2
# Where so many tokens of a slice were dead, the next one is looked at in the same round.
_MANY = 500
_FIRST = UUID(int=0)


class TokenSweeper:
    """Goes through the accounts in the order of their ids, round after round, and begins anew behind the last.

    Nothing finds dead tokens by an index: most died with an epoch, or of idleness. By account, an epoch is read once
    for all tokens that it may have ended.
    """

    def __init__(self, rules: LifeRules) -> None:
        self._rules = rules
        self._after = _FIRST

    async def sweep(self, connection: Connection, at: datetime) -> None:
        rows = TokenRows(connection, self._rules)
        slices, goes_on = 0, True
        while goes_on:
            looked_at, deleted, last = await rows.delete_dead(self._after, at, slice=_SLICE)
            slices += 1
            is_last = looked_at < _SLICE
            self._after = _FIRST if is_last or last is None else last
            goes_on = not is_last and (slices < _SLICES_A_ROUND or deleted >= _MANY)
