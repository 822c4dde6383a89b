"""The journal: every room writes here what happened and whom to tell, in the transaction in which it happened."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.activity.domain import LONGEST_DELIVERY, Event, EventType, Letter, Occasion, Resealing, facts_of
from app.activity.repository import EventRows, OutboxRows
from app.infrastructure.database import Connection, Database
from app.infrastructure.metrics import Counter
from app.infrastructure.vault import SealBroken, Vault
from app.kernel.chance import new_id
from app.kernel.origin import Origin
from app.kernel.page import PageOf

_RESEALED_AT_ONCE = 100
# Their reasons are words of ours; those of other types may be an operator's, which are no label.
_OUR_REASONS = frozenset({EventType.LOGIN_FAILED, EventType.TWO_FACTOR_CODE_REFUSED, EventType.PASSWORD_REFUSED})
_events = Counter(
    "twokeys_events",
    "What was recorded, by type and reason: refused codes, revocations, and the rest.",
    ("type", "reason"),
)


def pack(occasion: Occasion) -> bytes:
    """The part of a letter that is sealed: everything that says something about the person."""
    origin = occasion.origin
    return json.dumps(
        {"to": occasion.to, "ip": origin.address, "user_agent": origin.user_agent, "facts": dict(occasion.facts)}
    ).encode()


def unpack(packed: bytes, *, at: datetime) -> Occasion:
    content = json.loads(packed)
    return Occasion(content["to"], at, Origin(content["ip"], content["user_agent"]), content["facts"])


@dataclass(frozen=True)
class Journal:
    vault: Vault

    async def record(
        self,
        connection: Connection,
        type: EventType,
        *,
        account_id: UUID | None,
        at: datetime,
        origin: Origin,
        client_id: str | None = None,
        **details: object,
    ) -> None:
        """`details` are what JSON can hold: how and why, never a secret."""
        event = Event(new_id(), account_id, type, at, origin, details, client_id)
        await EventRows(connection).add(event)
        self.count(event)

    @staticmethod
    def count(event: Event) -> None:
        """For the metrics; `record` does it by itself."""
        reason = str(event.details.get("reason", "")) if event.type in _OUR_REASONS else ""
        _events.labels(event.type.value, reason).inc()

    async def post(
        self,
        connection: Connection,
        letter: Letter,
        *,
        account_id: UUID,
        to: str,
        at: datetime,
        origin: Origin,
        give_up_at: datetime | None = None,
        **facts: object,
    ) -> None:
        """Puts a letter into the outbox. `give_up_at` is when it would be of no use any more, three days at most.

        Raises TypeError where a fact is missing that this kind of letter tells.
        """
        missing = facts_of(letter) - facts.keys()
        if missing:
            raise TypeError(f"{letter} also tells {sorted(missing)}")
        last = at + LONGEST_DELIVERY
        await OutboxRows(connection).add(
            new_id(),
            letter,
            account_id=account_id,
            sealed=self.vault.seal(pack(Occasion(to, at, origin, facts)), owner=account_id),
            at=at,
            give_up_at=min(give_up_at or last, last),
        )

    async def forget(self, connection: Connection, account_id: UUID) -> None:
        """The account is deleted: its events keep nothing personal, and no letter goes out any more."""
        await EventRows(connection).depersonalise(account_id)
        await OutboxRows(connection).remove_all_of(account_id)

    async def events_of(
        self, connection: Connection, account_id: UUID, *, after: UUID | None, limit: int
    ) -> PageOf[Event]:
        return await EventRows(connection).page(account_id=account_id, type=None, after=after, limit=limit)

    async def all_events(
        self,
        connection: Connection,
        *,
        account_id: UUID | None,
        type: EventType | None,
        after: UUID | None,
        limit: int,
    ) -> PageOf[Event]:
        return await EventRows(connection).page(account_id=account_id, type=type, after=after, limit=limit)

    async def reseal_outbox(self, database: Database) -> AsyncIterator[Resealing]:
        """Seals waiting letters with the newest key, reporting after each batch. Another start goes on from there."""
        async with database.reading() as connection:
            progress = Resealing(total=await OutboxRows(connection).count_sealed())
        last: UUID | None = None
        while True:
            async with database.reading() as connection:
                rows = await OutboxRows(connection).sealed_after(last, limit=_RESEALED_AT_ONCE)
                for last, owner, sealed in rows:
                    progress = await self._reseal(OutboxRows(connection), progress, last, owner, sealed)
            yield progress
            if len(rows) < _RESEALED_AT_ONCE:
                return

    async def _reseal(self, rows: OutboxRows, progress: Resealing, id: UUID, owner: UUID, sealed: bytes) -> Resealing:
        progress = replace(progress, seen=progress.seen + 1)
        if self.vault.is_current(sealed):
            return progress
        try:
            fresh = self.vault.seal(self.vault.open(sealed, owner=owner), owner=owner)
        except SealBroken:
            return replace(progress, unreadable=progress.unreadable + 1)
        changed = await rows.reseal(id, old=sealed, new=fresh)
        return replace(progress, resealed=progress.resealed + changed)
