"""The hashes of other systems at a log-in: what they need to be read, and what an unknown address costs meanwhile."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from app.accounts.foreign.domain import Share, TakenOver, pick_share
from app.accounts.foreign.repository import FirebaseProjectRows, ForeignAccountRows
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.security.foreign_hashes.bounds import ForeignHash, HashRefused
from app.security.foreign_hashes.firebase import FirebaseProject, parse_project
from app.security.foreign_hashes.formats import project_id_of, read_stored
from app.security.secret_box import SealBroken, SecretBox

_OURS = "ours"
_log = structlog.get_logger(__name__)


class ForeignPasswords:
    """Of one process. Without imported accounts it asks the database for nothing but `measure`."""

    def __init__(self, database: Database, clock: Clock, secret_box: SecretBox) -> None:
        self._database = database
        self._clock = clock
        self._secret_box = secret_box
        self._key = secret_box.derive_key("stand-in for an unknown address")
        self._shares: Sequence[Share] = ()
        self._projects: Mapping[str, FirebaseProject] = {}

    async def measure(self) -> None:
        """Counts the hashes of other systems, by what they cost: at the start and then once a minute."""
        async with self._database.autocommit() as connection:
            rows = ForeignAccountRows(connection)
            classes = await rows.classes()
            total = await rows.count() if classes else 0
        shares: list[Share] = []
        for scheme, cost, accounts, example in classes:
            parsed = await self.read(example)
            if parsed is not None:
                shares.append(Share(f"{scheme}:{cost}", accounts, parsed))
        ours = total - sum(share.accounts for share in shares)
        if shares and ours > 0:
            shares.append(Share(_OURS, ours, None))
        self._shares = shares

    def stand_in_for(self, folded_address: str) -> ForeignHash | None:
        """What an address without an account is verified against; None for a hash of our own."""
        share = pick_share(self._shares, self._key, folded_address)
        return share.example if share else None

    async def read(self, stored: str) -> ForeignHash | None:
        """A stored hash, its costs checked again; None, and logged, where it can't be verified."""
        project_id = project_id_of(stored)
        if project_id is not None and project_id not in self._projects:
            async with self._database.autocommit() as connection:
                self._projects = await self._read_projects(connection)
        try:
            return read_stored(stored, self._projects)
        except HashRefused as refused:
            _log.warning("foreign_hash_refused", reason=refused.code)
            return None

    async def remember_project(self, parameters: Mapping[str, object]) -> FirebaseProject:
        """Stores the parameters sealed, once. Raises HashRefused."""
        project = read_project(new_id(), parameters)
        async with self._database.transaction() as connection:
            for known in (await self._read_projects(connection)).values():
                if known.same_as(project):
                    return known
            id = UUID(project.id)
            sealed = self._secret_box.seal(json.dumps(parameters).encode(), owner=id)
            await FirebaseProjectRows(connection).add(id, sealed, self._clock.now())
        return project

    async def projects(self, connection: Connection) -> Mapping[str, Mapping[str, object]]:
        """The parameters of each project by its id, as Firebase writes them."""
        found: dict[str, Mapping[str, object]] = {}
        for id, sealed in await FirebaseProjectRows(connection).all():
            try:
                found[str(id)] = json.loads(self._secret_box.open(sealed, owner=id))
            except SealBroken:
                _log.critical("firebase_parameters_cannot_be_opened", project_id=str(id))
        return found

    async def count_sealed(self, connection: Connection) -> int:
        return len(await FirebaseProjectRows(connection).all())

    async def sealed_after(
        self, connection: Connection, id: UUID | None, *, limit: int
    ) -> Sequence[tuple[UUID, UUID, bytes]]:
        """Ids, owners and sealed parameters in the order of ids. Each owns itself."""
        later = [row for row in await FirebaseProjectRows(connection).all() if id is None or row[0] > id]
        return [(project_id, project_id, sealed) for project_id, sealed in later[:limit]]

    async def reseal(self, connection: Connection, id: UUID, *, old: bytes, new: bytes) -> bool:
        """False where the parameters changed meanwhile."""
        return await FirebaseProjectRows(connection).reseal(id, old, new)

    async def _read_projects(self, connection: Connection) -> Mapping[str, FirebaseProject]:
        parameters = await self.projects(connection)
        return {id: read_project(UUID(id), found) for id, found in parameters.items()}


def read_project(id: UUID, parameters: Mapping[str, object]) -> FirebaseProject:
    """Raises HashRefused."""
    return parse_project(
        str(id),
        signer_key=str(parameters["base64_signer_key"]),
        salt_separator=str(parameters["base64_salt_separator"]),
        rounds=int(str(parameters["rounds"])),
        mem_cost=int(str(parameters["mem_cost"])),
    )


@dataclass(frozen=True)
class AccountTransfer:
    """Accounts of another system, many at once, in the caller's transaction."""

    async def add_all(self, connection: Connection, accounts: Sequence[TakenOver]) -> set[UUID]:
        """The ids of those that were added: the others' addresses or external ids are taken."""
        return await ForeignAccountRows(connection).add_all(_in_order(accounts))

    async def update_all(self, connection: Connection, accounts: Sequence[TakenOver]) -> set[UUID]:
        """Also bumps each epoch. The ids of those that were updated: the others are no longer as they were read."""
        return await ForeignAccountRows(connection).update_all(_in_order(accounts))

    async def count(self, connection: Connection) -> int:
        return await ForeignAccountRows(connection).count()

    async def count_by_scheme(self, connection: Connection) -> Mapping[str, int]:
        """Accounts whose password hash is still another system's."""
        return await ForeignAccountRows(connection).count_by_scheme()


def _in_order(accounts: Sequence[TakenOver]) -> list[TakenOver]:
    """Two imports of the same accounts wait for each other in one order, and none for ever."""
    return sorted(accounts, key=lambda account: account.address.folded)
