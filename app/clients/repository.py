"""The clients table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    DateTime,
    LargeBinary,
    Row,
    Table,
    Text,
    Uuid,
    delete,
    insert,
    select,
)

from app.clients.domain import Client, Role
from app.infrastructure.database import Connection, metadata

clients = Table(
    "clients",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    CheckConstraint("roles <@ ARRAY['introspect', 'admin'] AND cardinality(roles) > 0", name="roles"),
)
_COLUMNS = (clients.c.id, clients.c.name, clients.c.roles, clients.c.created_at)


def _client_of(row: Row[*tuple[Any, ...]]) -> Client:
    return Client(row.id, row.name, frozenset(map(Role, row.roles)), row.created_at)


@dataclass(frozen=True)
class ClientRows:
    connection: Connection

    async def add(self, client: Client, digest: bytes, at: datetime) -> None:
        values = {"id": client.id, "name": client.name, "digest": digest, "created_at": at}
        await self.connection.execute(insert(clients).values(**values, roles=sorted(client.roles)))

    async def with_secret(self, id: UUID, digest: bytes) -> Client | None:
        query = select(*_COLUMNS).where(clients.c.id == id, clients.c.digest == digest)
        row = (await self.connection.execute(query)).first()
        return _client_of(row) if row else None

    async def all(self) -> Sequence[Client]:
        return [_client_of(row) for row in await self.connection.execute(select(*_COLUMNS).order_by(clients.c.id))]

    async def remove(self, id: UUID) -> bool:
        statement = delete(clients).where(clients.c.id == id).returning(clients.c.id)
        return (await self.connection.execute(statement)).first() is not None
