"""Dead tokens go, in slices: what one round costs depends on no table's size."""

from datetime import datetime
from uuid import UUID

from app.database.engine import Connection
from app.tokens.domain import LifeRules
from app.tokens.repository import TokenRows

_SLICE = 20_000
# Where so many of a slice were dead, the next one is looked at in the same round.
_MANY = 1000
_FIRST = UUID(int=0)


class TokenSweeper:
    """Goes through the tokens in the order of their ids, round after round, and begins anew behind the last.

    Nothing finds dead tokens by an index: most died with an epoch, or of idleness.
    """

    def __init__(self, rules: LifeRules) -> None:
        self._rules = rules
        self._after = _FIRST

    async def sweep(self, connection: Connection, at: datetime) -> None:
        rows = TokenRows(connection, self._rules)
        goes_on = True
        while goes_on:
            looked_at, deleted, last = await rows.delete_dead(self._after, at, slice=_SLICE)
            is_last = looked_at < _SLICE
            self._after = _FIRST if is_last or last is None else last
            goes_on = deleted >= _MANY and not is_last
