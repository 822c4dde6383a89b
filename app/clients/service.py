"""Making clients, knowing them again, and answering what they ask."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
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
    TwoSecretsAlready,
)
from app.clients.repository import ClientRows
from app.database.engine import Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.tokens.domain import Assurance, Caller
from app.tokens.service import Tokens

_NO_DIGEST = b""


@dataclass(frozen=True)
class Clients:
    database: Database
    clock: Clock
    tokens: Tokens
    batcher: IntrospectionBatcher
    uses: dict[UUID, datetime] = field(default_factory=dict)
    """Uses not yet written: the newest of each client, for `note_uses`."""

    async def create(self, name: str, roles: Iterable[Role], *, required_acr: Assurance | None = None) -> MadeClient:
        at, secret = self.clock.now(), new_secret(SecretKind.CLIENT)
        client = Client(new_id(), name, frozenset(roles), at, required_acr=required_acr)
        async with self.database.autocommit() as connection:
            await ClientRows(connection).add(client, digest(secret), at)
        return MadeClient(client, secret)

    async def all(self) -> Sequence[Client]:
        async with self.database.autocommit() as connection:
            return await ClientRows(connection).all()

    async def rotate_secret(self, id: UUID) -> MadeClient:
        """A second secret beside the one that the client has. Raises NotFound, TwoSecretsAlready."""
        secret = new_secret(SecretKind.CLIENT)
        async with self.database.transaction() as connection:
            rows = ClientRows(connection)
            rotated, client = await rows.rotate_secret(id, digest(secret)), await rows.with_id(id)
        if client is None:
            raise NotFound
        if not rotated:
            raise TwoSecretsAlready
        return MadeClient(client, secret)

    async def end_old_secret(self, id: UUID) -> bool:
        """From now on only the newest works; False where it was the only one. Raises NotFound."""
        async with self.database.transaction() as connection:
            rows = ClientRows(connection)
            ended, client = await rows.end_old_secret(id), await rows.with_id(id)
        if client is None:
            raise NotFound
        return ended

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
        return self._admit(client, role)

    def _admit(self, client: Client | None, role: Role) -> Client:
        """Notes the use. Raises InvalidClient, InsufficientRole."""
        if client is None:
            raise InvalidClient
        self.uses[client.id] = self.clock.now()
        if not client.may(role):
            raise InsufficientRole
        return client

    async def note_uses(self) -> None:
        """Writes the uses of the last moments in one statement. On a fault they stay noted for the next time."""
        if not self.uses:
            return
        taken = dict(self.uses)
        self.uses.clear()
        try:
            async with self.database.autocommit() as connection:
                await ClientRows(connection).note_uses(taken)
        except Exception:
            self.uses.update(taken | self.uses)
            raise

    async def introspect(self, credentials: Credentials, secret: str, holder: Requester) -> Caller | None:
        """Who holds a live token, proved as this client requires, that works from where the holder is, if the asker
        knows that.

        Being asked about counts as use; the asker's address is not the holder's.
        Client and token are looked up together, by one statement that may answer others as well.
        Raises InvalidClient, InsufficientRole.
        """
        found = digest_if(secret, SecretKind.SESSION, SecretKind.PERSONAL) or _NO_DIGEST
        result = await self.batcher.ask(IntrospectionRequest(credentials.client_id, credentials.digest, found))
        self._admit(result.client if result else None, Role.INTROSPECT)
        caller = result.holder if result else None
        if caller is None or not (holder.address is None or caller.token.works_from(holder.address)):
            return None
        use = await self.tokens.note_use(caller, RequestContext(self.clock.now(), holder))
        return Caller(caller.account, caller.token.used(use, self.tokens.rules.idle))

    async def revoke(self, client: Client, secret: str, context: RequestContext) -> None:
        await self.tokens.revoke_by_secret(secret, replace(context, client_id=str(client.id)))

    def require_proof(self, caller: Caller, requirement: Requirement) -> None:
        """Raises InsufficientAuthentication, ProofTooOld."""
        token = caller.token
        if requirement.acr is Assurance.AAL2 and token.assurance is not Assurance.AAL2:
            raise InsufficientAuthentication(acr_values=Assurance.AAL2)
        if requirement.phishing_resistant and not token.is_phishing_resistant:
            raise InsufficientAuthentication
        age = requirement.max_age
        if age is not None and self.clock.now() - token.authenticated_at > timedelta(seconds=age):
            raise ProofTooOld(max_age=age)
