"""One's live tokens in pages, for many who ask at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)

from app.accounts.tables import accounts
from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection
from app.kernel.page import cut_page
from app.tokens.domain import Kind, LifeRules, ListRequest, LiveTokens, Revoked
from app.tokens.tables import COLUMNS, LIVES, living, token_of, tokens

_BEYOND_EVERY_ID = UUID(int=2**128 - 1)
_with_account = tokens.join(accounts, accounts.c.id == tokens.c.account_id)
# For each request the token that asks, and with it those of the page and how many there are.
_requested = (
    func.unnest(
        bindparam("account_ids", type_=ARRAY(Uuid)),
        bindparam("current_ids", type_=ARRAY(Uuid)),
        bindparam("kinds", type_=ARRAY(Text)),
        bindparam("afters", type_=ARRAY(Uuid)),
        bindparam("limits", type_=ARRAY(Integer)),
    )
    .table_valued(
        column("account_id", Uuid),
        column("current_id", Uuid),
        column("kind", Text),
        column("after", Uuid),
        column("limit", Integer),
        name="requested",
    )
    .render_derived()
)
_REQUESTED = len(_requested.c)
_theirs = and_(tokens.c.account_id == _requested.c.account_id, LIVES)
_counts = (
    select(
        func.count().filter(tokens.c.kind == Kind.SESSION).label("sessions"),
        func.count().filter(tokens.c.kind == Kind.PERSONAL).label("personal_tokens"),
    )
    .select_from(_with_account)
    .where(_theirs)
    .correlate(_requested)
    .lateral("counts")
)
_current = select(*COLUMNS, false().label("is_on_page")).select_from(_with_account).correlate(_requested)
_page = (
    select(*COLUMNS, true().label("is_on_page"))
    .select_from(_with_account)
    .where(
        _theirs,
        or_(_requested.c.kind.is_(None), tokens.c.kind == _requested.c.kind),
        tokens.c.id < func.coalesce(_requested.c.after, literal(_BEYOND_EVERY_ID)),
    )
    .order_by(tokens.c.id.desc())
    .limit(_requested.c.limit + 1)
    .correlate(_requested)
)
_shown = union_all(_current.where(tokens.c.id == _requested.c.current_id, LIVES), _page).lateral("shown")
_lists = CompiledStatement(
    select(*_shown.c, *_counts.c, *(each.label(f"requested_{each.name}") for each in _requested.c)).select_from(
        _requested.join(_counts, true()).join(_shown, true())
    )
)


def list_of(rows: Sequence[Record]) -> LiveTokens:
    """Newest first."""
    (current,) = (row for row in rows if not row.is_on_page)
    on_page = (token_of(row) for row in rows if row is not current)
    newest_first = sorted(on_page, key=lambda token: token.id, reverse=True)
    return LiveTokens(
        page=cut_page(newest_first, current.requested_limit, lambda token: token.id),
        counts=Revoked(current.sessions, current.personal_tokens),
        current=token_of(current),
    )


@dataclass(frozen=True)
class TokenLists:
    """Lists that wait together share a statement."""

    connection: Connection
    rules: LifeRules

    async def of(self, requests: Sequence[ListRequest], at: datetime) -> Mapping[ListRequest, Sequence[Record]]:
        """The rows of each list, for `list_of`; none where the token that asks is dead. By one statement."""
        params = {
            "account_ids": [request.account_id for request in requests],
            "current_ids": [request.current_id for request in requests],
            "kinds": [request.kind for request in requests],
            "afters": [request.after for request in requests],
            "limits": [request.limit for request in requests],
        }
        rows: dict[tuple[Any, ...], list[Record]] = {}
        for row in await _lists.all(self.connection, params | living(self.rules, at)):
            rows.setdefault(row[-_REQUESTED:], []).append(row)
        return {request: rows[key] for request in requests if (key := tuple(vars(request).values())) in rows}
