"""The tokens table, its rows, and the one rule of their life."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    not_,
    or_,
    text,
)

from app.accounts.domain import Status
from app.accounts.tables import IS_OVERDUE, accounts, overdue
from app.database.driver import Record
from app.database.engine import metadata
from app.tokens.domain import Kind, LifeRules, Token

tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("description", Text),
    Column("amr", ARRAY(Text), nullable=False),
    Column("authenticated_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("max_age_seconds", Integer),
    Column("extend_when_used", Boolean, nullable=False),
    Column("last_used_at", DateTime(timezone=True)),
    Column("last_used_ip", Text),
    Column("user_agent", Text),
    Column("scopes", ARRAY(Text)),
    Column("ip_allowlist", ARRAY(Text)),
    Column("last_used_user_agent", Text),
    Column("end_announced", DateTime(timezone=True)),
    UniqueConstraint("digest"),
    CheckConstraint("kind IN ('session', 'personal')", name="kind"),
    CheckConstraint("kind = 'personal' OR expires_at IS NOT NULL", name="sessions_end"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    CheckConstraint("cardinality(scopes) <= 20", name="scopes"),
    CheckConstraint("cardinality(ip_allowlist) BETWEEN 1 AND 20", name="ip_allowlist"),
    Index("tokens_account_id_idx", "account_id", "id"),
    Index("tokens_expires_at_idx", "expires_at"),
    Index("tokens_personal_expires_at_idx", "expires_at", postgresql_where=text("kind = 'personal'")),
)

# Statements are built once: building one costs more than running it.
LAST_SIGN_OF_LIFE = func.coalesce(tokens.c.last_used_at, tokens.c.created_at)
_idle_end = case((tokens.c.kind == Kind.SESSION, LAST_SIGN_OF_LIFE + bindparam("idle", type_=Interval)))
ENDS_AT = func.least(tokens.c.expires_at, _idle_end)
"""The earliest end. LEAST passes NULL over, so a personal token without an end has none."""

NOT_OVER = or_(ENDS_AT.is_(None), bindparam("at", type_=DateTime(timezone=True)) < ENDS_AT)
# Turning two-factor authentication on or off bumps the epoch. So among tokens of the account's epoch those that were
# proved by two factors say that it is on, and no check has to look for authenticators.
_NOT_SUSPENDED = or_(not_(IS_OVERDUE), literal("mfa") == any_(tokens.c.amr))
COUNTS = and_(NOT_OVER, _NOT_SUSPENDED)
"""Of a token whose epoch and account are right."""

NOT_ENDED = and_(tokens.c.epoch == accounts.c.credential_epoch, accounts.c.status == Status.ACTIVE, NOT_OVER)
"""For a row joined to its account. It may be suspended, and can be revoked."""

LIVES = and_(NOT_ENDED, _NOT_SUSPENDED)
"""The one rule of token life, for a row joined to its account."""


def living(rules: LifeRules, at: datetime) -> dict[str, object]:
    """The parameters of LIVES, and of ENDS_AT."""
    return overdue(rules.policy, at) | {"idle": rules.idle}


_named = (
    "id",
    "kind",
    "description",
    "amr",
    "authenticated_at",
    "created_at",
    "expires_at",
    "last_used_at",
    "last_used_ip",
    "user_agent",
    "max_age_seconds",
    "extend_when_used",
    "scopes",
    "ip_allowlist",
    "last_used_user_agent",
)
COLUMNS = (*(tokens.c[name].label(f"token_{name}") for name in _named), ENDS_AT.label("token_ends_at"))


def _tuple_of(texts: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if texts is None else tuple(texts)


def token_of(row: Row[*tuple[Any, ...]] | Record, first: int = 0) -> Token:
    """The token whose COLUMNS stand in this row, behind `first` others."""
    (
        id, kind, description, amr, authenticated_at, created_at, expires_at, last_used_at, last_used_ip, user_agent,
        max_age_seconds, extend_when_used, scopes, ip_allowlist, last_used_user_agent, ends_at,
    ) = row[first : first + len(COLUMNS)]  # fmt: skip
    return Token(
        id=id,
        kind=Kind(kind),
        description=description,
        amr=tuple(amr),
        authenticated_at=authenticated_at,
        created_at=created_at,
        expires_at=expires_at,
        ends_at=ends_at,
        last_used_at=last_used_at,
        last_used_ip=last_used_ip,
        user_agent=user_agent,
        max_age_seconds=max_age_seconds,
        extend_when_used=extend_when_used,
        scopes=_tuple_of(scopes),
        ip_allowlist=_tuple_of(ip_allowlist),
        last_used_user_agent=last_used_user_agent,
    )
