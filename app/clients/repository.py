"""The clients table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    DateTime,
    LargeBinary,
    Table,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
)

from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import account_of, accounts
from app.clients.domain import Client, IntrospectionRequest, IntrospectionResult, Role
from app.database.compiled import CompiledStatement
from app.database.engine import Connection, metadata
from app.tokens.domain import Caller
from app.tokens.tables import COLUMNS as TOKEN_COLUMNS
from app.tokens.tables import LIVES, token_of, tokens

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    CheckConstraint(
        "roles <@ ARRAY['introspect', 'admin', 'accounts\\:read', 'accounts\\:write', 'events\\:read', 'import']"
        " AND cardinality(roles) > 0",
        name="roles",
    ),
)
_COLUMNS = (clients.c.id, clients.c.name, clients.c.roles, clients.c.created_at)


def _client_of(id: UUID, name: str, roles: Sequence[str], created_at: datetime) -> Client:
    return Client(id, name, frozenset(map(Role, roles)), created_at)


# One row for each question, in their order: the client if it is ours, and the holder if the token lives.
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
        with_ordinality="position",
        name="requested",
    )
    .render_derived()
)
_holder = tokens.join(accounts, accounts.c.id == tokens.c.account_id)
_answers = CompiledStatement(
    select(*ACCOUNT_COLUMNS, *TOKEN_COLUMNS, *(each.label(f"client_{each.name}") for each in _COLUMNS))
    .select_from(
        _requested.outerjoin(
            clients, and_(clients.c.id == _requested.c.client_id, clients.c.digest == _requested.c.client_digest)
        ).outerjoin(_holder, and_(tokens.c.digest == _requested.c.token_digest, LIVES))
    )
    .order_by(_requested.c.position)
)


@dataclass(frozen=True)
class Introspections:
    connection: Connection
    idle: timedelta

    async def answer(self, requests: Sequence[IntrospectionRequest], at: datetime) -> Sequence[IntrospectionResult]:
        """In the order of the questions, by one statement."""
        params = {
            "client_ids": [request.client_id for request in requests],
            "client_digests": [request.client_digest for request in requests],
            "token_digests": [request.token_digest for request in requests],
            "idle": self.idle,
            "at": at,
        }
        return [
            IntrospectionResult(
                client=_client_of(row.client_id, row.client_name, row.client_roles, row.client_created_at)
                if row.client_id
                else None,
                caller=Caller(account_of(row), token_of(row)) if row.token_id else None,
            )
            for row in await _answers.all(self.connection, params)
        ]


@dataclass(frozen=True)
class ClientRows:
    connection: Connection

    async def add(self, client: Client, digest: bytes, at: datetime) -> None:
        values = {"id": client.id, "name": client.name, "digest": digest, "created_at": at}
        await self.connection.execute(insert(clients).values(**values, roles=sorted(client.roles)))

    async def with_secret(self, id: UUID, digest: bytes) -> Client | None:
        query = select(*_COLUMNS).where(clients.c.id == id, clients.c.digest == digest)
        row = (await self.connection.execute(query)).first()
        return _client_of(*row) if row else None

    async def all(self) -> Sequence[Client]:
        return [_client_of(*row) for row in await self.connection.execute(select(*_COLUMNS).order_by(clients.c.id))]

    async def remove(self, id: UUID) -> bool:
        statement = delete(clients).where(clients.c.id == id).returning(clients.c.id)
        return (await self.connection.execute(statement)).first() is not None
