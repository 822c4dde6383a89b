"""Making clients, knowing them again, and answering what they ask."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.clients.batcher import IntrospectionBatcher
from app.clients.domain import (
    Client,
    Credentials,
    InsufficientAuthentication,
    InsufficientRole,
    IntrospectionRequest,
    InvalidClient,
    MadeClient,
    ProofTooOld,
    Requirement,
    Role,
)
from app.clients.repository import ClientRows
from app.database.engine import Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.requester import Requester
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.tokens.domain import Assurance, Caller
from app.tokens.service import Tokens

_NO_DIGEST = b""


def _admitted(client: Client | None, role: Role) -> Client:
    if client is None:
        raise InvalidClient
    if not client.may(role):
        raise InsufficientRole
    return client


@dataclass(frozen=True)
class Clients:
    database: Database
    clock: Clock
    tokens: Tokens
    batcher: IntrospectionBatcher

    async def create(self, name: str, roles: Iterable[Role]) -> MadeClient:
        at, secret = self.clock.now(), new_secret(SecretKind.CLIENT)
        client = Client(new_id(), name, frozenset(roles), at)
        async with self.database.autocommit() as connection:
            await ClientRows(connection).add(client, digest(secret), at)
        return MadeClient(client, secret)

    async def all(self) -> Sequence[Client]:
        async with self.database.autocommit() as connection:
            return await ClientRows(connection).all()

    async def delete(self, id: UUID) -> None:
        """Raises NotFound."""
        async with self.database.autocommit() as connection:
            removed = await ClientRows(connection).remove(id)
        if not removed:
            raise NotFound

    async def known(self, credentials: Credentials, role: Role) -> Client:
        """Raises InvalidClient, InsufficientRole."""
        async with self.database.autocommit() as connection:
            client = await ClientRows(connection).with_secret(credentials.client_id, credentials.digest)
        return _admitted(client, role)

    async def introspect(self, credentials: Credentials, secret: str) -> Caller | None:
        """The holder of a live token. Being asked about counts as use; the asker's address is not the holder's.

        Client and token are looked up together, by one statement that may answer others as well.
        Raises InvalidClient, InsufficientRole.
        """
        found = digest_if(secret, SecretKind.SESSION, SecretKind.PERSONAL) or _NO_DIGEST
        result = await self.batcher.ask(IntrospectionRequest(credentials.client_id, credentials.digest, found))
        _admitted(result.client, Role.INTROSPECT)
        return None if result.caller is None else await self.tokens.note_use(result.caller, None)

    async def revoke(self, client: Client, secret: str, requester: Requester) -> None:
        await self.tokens.revoke_by_secret(secret, requester, client_id=str(client.id))

    def require_proof(self, caller: Caller, requirement: Requirement) -> None:
        """Raises InsufficientAuthentication, ProofTooOld."""
        token = caller.token
        if requirement.acr is Assurance.AAL2 and token.assurance is not Assurance.AAL2:
            raise InsufficientAuthentication(requirements={"acr_values": Assurance.AAL2})
        if requirement.phishing_resistant and not token.is_phishing_resistant:
            raise InsufficientAuthentication(requirements={})
        age = requirement.max_age
        if age is not None and self.clock.now() - token.authenticated_at > timedelta(seconds=age):
            raise ProofTooOld(requirements={"max_age": str(age)}, max_age=age)
