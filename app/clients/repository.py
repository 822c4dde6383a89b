"""The clients table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import account_of, accounts
from app.clients.domain import Client, IntrospectionRequest, IntrospectionResult, Role
from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection, metadata
from app.tokens.domain import Assurance, Caller, LifeRules
from app.tokens.tables import COLUMNS as TOKEN_COLUMNS
from app.tokens.tables import LIVES, living, token_of, tokens

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("old_digest", LargeBinary),
    Column("last_used_at", DateTime(timezone=True)),
    # How well a token must be proved to be alive to this client; none where any will do.
    Column("required_acr", Text),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    CheckConstraint("octet_length(old_digest) = 32", name="old_digest"),
    CheckConstraint("required_acr = 'aal2'", name="required_acr"),
    CheckConstraint(
        "roles <@ ARRAY['introspect', 'admin', 'accounts\\:read', 'accounts\\:write', 'events\\:read', 'import']"
        " AND cardinality(roles) > 0",
        name="roles",
    ),
)
_named = ("id", "name", "roles", "created_at", "last_used_at", "required_acr")
_COLUMNS = (
    *(clients.c[name].label(f"client_{name}") for name in _named),
    clients.c.old_digest.is_not(None).label("client_has_old_secret"),
)


def _client_of(row: Row[*tuple[Any, ...]] | Record, first: int = 0) -> Client:
    """The client whose _COLUMNS stand in this row, behind `first` others."""
    id, name, roles, created_at, last_used_at, required_acr, has_old_secret = row[first : first + len(_COLUMNS)]
    return Client(
        id=id,
        name=name,
        roles=frozenset(map(Role, roles)),
        created_at=created_at,
        last_used_at=last_used_at,
        has_old_secret=has_old_secret,
        required_acr=Assurance(required_acr) if required_acr else None,
    )


def _has_digest(digest: ColumnElement[bytes] | bytes) -> ColumnElement[bool]:
    """Whether it is that of one of the client's secrets."""
    return or_(clients.c.digest == digest, clients.c.old_digest == digest)


# In the order of ids, so that two processes that write at once don't deadlock.
_NOTE_USES = text("""
    UPDATE clients AS c SET last_used_at = greatest(c.last_used_at, u.at)
    FROM (
        SELECT used.id, uses.at
        FROM unnest(CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[])) AS uses (id, at)
        JOIN clients AS used ON used.id = uses.id
        ORDER BY used.id FOR NO KEY UPDATE OF used
    ) AS u
    WHERE c.id = u.id
""")


# One row for each question, with the question in it: the client if it is ours, and the holder if the token lives.
_requested = (
    func.unnest(
        bindparam("client_ids", type_=ARRAY(Uuid)),
        bindparam("client_digests", type_=ARRAY(LargeBinary)),
        bindparam("token_digests", type_=ARRAY(LargeBinary)),
    )
    .table_valued(
        column("client_id", Uuid),
        column("client_digest", LargeBinary),
        column("token_digest", LargeBinary),
        name="requested",
    )
    .render_derived()
)
_holder = tokens.join(accounts, accounts.c.id == tokens.c.account_id)
_answers = CompiledStatement(
    select(
        *ACCOUNT_COLUMNS, *TOKEN_COLUMNS, *_COLUMNS, *(each.label(f"requested_{each.name}") for each in _requested.c)
    ).select_from(
        _requested.outerjoin(
            clients, and_(clients.c.id == _requested.c.client_id, _has_digest(_requested.c.client_digest))
        ).outerjoin(_holder, and_(tokens.c.digest == _requested.c.token_digest, LIVES))
    )
)


def result_of(row: Record) -> IntrospectionResult:
    return IntrospectionResult(
        client=_client_of(row, len(ACCOUNT_COLUMNS) + len(TOKEN_COLUMNS)) if row["client_id"] else None,
        caller=Caller(account_of(row), token_of(row, len(ACCOUNT_COLUMNS))) if row["token_id"] else None,
    )


@dataclass(frozen=True)
class Introspections:
    connection: Connection
    rules: LifeRules

    async def answer(
        self, requests: Sequence[IntrospectionRequest], at: datetime
    ) -> Mapping[IntrospectionRequest, Record]:
        """A row for each, for `result_of`, by one statement."""
        params = {
            "client_ids": [request.client_id for request in requests],
            "client_digests": [request.client_digest for request in requests],
            "token_digests": [request.token_digest for request in requests],
        } | living(self.rules, at)
        return {
            # By place: their names are looked up in Python.
            IntrospectionRequest(*row[-len(_requested.c) :]): row
            for row in await _answers.all(self.connection, params)
        }


@dataclass(frozen=True)
class ClientRows:
    connection: Connection

    async def add(self, client: Client, digest: bytes, at: datetime) -> None:
        values = {"id": client.id, "name": client.name, "digest": digest, "created_at": at}
        roles, required = sorted(client.roles), client.required_acr
        await self.connection.execute(insert(clients).values(**values, roles=roles, required_acr=required))

    async def with_secret(self, id: UUID, digest: bytes) -> Client | None:
        query = select(*_COLUMNS).where(clients.c.id == id, _has_digest(digest))
        row = (await self.connection.execute(query)).first()
        return _client_of(row) if row else None

    async def with_id(self, id: UUID) -> Client | None:
        row = (await self.connection.execute(select(*_COLUMNS).where(clients.c.id == id))).first()
        return _client_of(row) if row else None

    async def all(self) -> Sequence[Client]:
        return [_client_of(row) for row in await self.connection.execute(select(*_COLUMNS).order_by(clients.c.id))]

    async def rotate_secret(self, id: UUID, digest: bytes) -> bool:
        """The secret of before works on; False where one from before that still does, or there is no such client."""
        single = (clients.c.id == id) & clients.c.old_digest.is_(None)
        statement = update(clients).where(single).values(old_digest=clients.c.digest, digest=digest)
        return (await self.connection.execute(statement)).rowcount == 1

    async def end_old_secret(self, id: UUID) -> bool:
        """False where there is none."""
        two = (clients.c.id == id) & clients.c.old_digest.is_not(None)
        return (await self.connection.execute(update(clients).where(two).values(old_digest=None))).rowcount == 1

    async def note_uses(self, uses: Mapping[UUID, datetime]) -> None:
        await self.connection.execute(_NOTE_USES, {"ids": list(uses), "ats": list(uses.values())})

    async def remove(self, id: UUID) -> bool:
        statement = delete(clients).where(clients.c.id == id).returning(clients.c.id)
        return (await self.connection.execute(statement)).first() is not None
