"""Uses of tokens on their way into the database."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from app.database.batcher import Batcher
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.tokens.domain import LifeRules, Token, Use
from app.tokens.repository import UseRows


class TokenUses:
    """The newest use of each token that is not written yet."""

    def __init__(self, database: Database, clock: Clock, rules: LifeRules) -> None:
        self.noted: dict[UUID, Use] = {}
        self._in_flight: Mapping[UUID, Use] = {}
        self._clock = clock
        self._rules = rules
        # One at a time: what is on its way is written as well when the next one is.
        self._writes = Batcher(database, self._write, lambda nothing: nothing, statements_at_once=1)

    def note(self, token_id: UUID, use: Use) -> None:
        self.noted[token_id] = use.after(self.noted.get(token_id))

    def forget(self, token_id: UUID) -> None:
        self.noted.pop(token_id, None)

    def unwritten(self) -> Callable[[Token], Token]:
        """Adds to a token what was not in the database when this was called, whenever it is written."""
        known = self._in_flight, self.noted

        def with_uses(token: Token) -> Token:
            for uses in known:
                if use := uses.get(token.id):
                    token = token.used(use, self._rules.idle)
            return token

        return with_uses

    async def write(self) -> None:
        """All that are noted now, with those of everybody who waits for the same. On a fault they stay noted.

        Raises Unavailable.
        """
        if self.noted:
            await self._writes.ask(None)

    async def _write(self, connection: Connection, _: Sequence[None]) -> Mapping[None, None]:
        # Never emptied: `unwritten` may still read them.
        self._in_flight, self.noted = self.noted, {}
        try:
            await UseRows(connection, self._rules).note_uses(self._in_flight, self._clock.now())
        except BaseException:
            for id, use in self._in_flight.items():
                self.noted[id] = self.noted[id].after(use) if id in self.noted else use
            raise
        return {}
