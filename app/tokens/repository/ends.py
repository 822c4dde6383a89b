"""Coming ends of personal tokens, each announced once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, and_, bindparam, case, select, update

from app.accounts.tables import accounts
from app.database.engine import Connection
from app.tokens.domain import ANNOUNCED_BEFORE, Kind, LifeRules, Token
from app.tokens.tables import COLUMNS, LIVES, living, token_of, tokens

# A token that its use extends is announced where it lies unused, not where it is in steady use.
_long_enough = case(
    (tokens.c.extend_when_used, tokens.c.max_age_seconds > 2 * ANNOUNCED_BEFORE.total_seconds()),
    else_=tokens.c.max_age_seconds > ANNOUNCED_BEFORE.total_seconds(),
)
_ENDS_UNANNOUNCED = and_(
    tokens.c.kind == Kind.PERSONAL,
    tokens.c.expires_at <= bindparam("soon", type_=DateTime(timezone=True)),
    tokens.c.end_announced.is_distinct_from(tokens.c.expires_at),
    _long_enough,
)


@dataclass(frozen=True)
class EndRows:
    """Of tokens whose end is near."""

    connection: Connection
    rules: LifeRules

    async def unannounced_ends(self, at: datetime, *, most: int) -> Sequence[tuple[UUID, UUID]]:
        """Live personal tokens whose coming end is to be announced: their ids and accounts, the nearest end first."""
        query = (
            select(tokens.c.id, tokens.c.account_id)
            .join(accounts, accounts.c.id == tokens.c.account_id)
            .where(_ENDS_UNANNOUNCED, LIVES)
            .order_by(tokens.c.expires_at)
            .limit(most)
        )
        return [(row.id, row.account_id) for row in await self.connection.execute(query, self._announcing(at))]

    async def announce_end(self, id: UUID, at: datetime) -> Token | None:
        """None where it is announced already, or there is nothing to announce any more."""
        live = select(tokens.c.id).join(accounts, accounts.c.id == tokens.c.account_id).where(LIVES)
        due = update(tokens).where(tokens.c.id == id, _ENDS_UNANNOUNCED, tokens.c.id.in_(live))
        announced = due.values(end_announced=tokens.c.expires_at).returning(*COLUMNS)
        row = (await self.connection.execute(announced, self._announcing(at))).first()
        return token_of(row) if row else None

    def _announcing(self, at: datetime) -> dict[str, object]:
        return living(self.rules, at) | {"soon": at + ANNOUNCED_BEFORE}
