"""Writes what lines do: many accounts, their apps, their events and their notes in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import SecretStr

from app.accounts.foreign.domain import TakenOver
from app.accounts.foreign.service import AccountTransfer
from app.audit.domain import Event, EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.imports.domain import Change, Outcome, PlainPassword, Result
from app.imports.repository import ImportedAccountRows
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.security.foreign_hashes.bounds import ForeignHash
from app.security.foreign_hashes.fast import FastHash
from app.security.foreign_hashes.formats import write_stored
from app.security.foreign_hashes.wrapped import wrapped_in
from app.security.hasher import Hasher
from app.security.secret_box import SecretBox
from app.two_factor.transfer import AuthenticatorTransfer


@dataclass(frozen=True)
class LineWriter:
    database: Database
    clock: Clock
    secret_box: SecretBox
    hasher: Hasher
    accounts: AccountTransfer
    authenticators: AuthenticatorTransfer
    audit_log: AuditLog
    hashing: asyncio.Semaphore
    """One hash at a time beside people who log in; more in a process of its own."""

    async def write(self, changes: Sequence[Change], context: RequestContext) -> list[Outcome]:
        """What was written, by one transaction: accounts that changed since they were read are left out."""
        if not changes:
            return []
        at = self.clock.now()
        rows = await self._rows(changes, at)
        async with self.database.transaction() as connection:
            done = await self._write_accounts(connection, changes, rows)
            for replacing in (True, False):
                apps = {row.id: change.candidate.apps for change, row in done if bool(change.known) is replacing}
                await self.authenticators.take_over(connection, apps, at, replacing=replacing)
            await ImportedAccountRows(connection).note({row.id: self._note(change) for change, row in done}, at)
            events = [_event(change, row, replace(context, at=at)) for change, row in done]
            await self.audit_log.record_all(connection, events)
        return [
            Outcome.of(change.candidate, Result.UPDATED if change.known else Result.CREATED, row.id)
            for change, row in done
        ]

    async def _rows(self, changes: Sequence[Change], at: datetime) -> Sequence[TakenOver]:
        passwords = [change.candidate.password for change in changes]
        # A kept hash needs no task of its own, and most are kept.
        hashing = [self._hashed(each) for each in passwords if isinstance(each, PlainPassword | FastHash)]
        made = iter(await asyncio.gather(*hashing))
        return [
            _row(change, next(made) if isinstance(each, PlainPassword | FastHash) else self._kept(each), at)
            for change, each in zip(changes, passwords, strict=True)
        ]

    async def _write_accounts(
        self, connection: Connection, changes: Sequence[Change], rows: Sequence[TakenOver]
    ) -> Sequence[tuple[Change, TakenOver]]:
        pairs = list(zip(changes, rows, strict=True))
        written = await self.accounts.update_all(connection, [row for change, row in pairs if change.known])
        written |= await self.accounts.add_all(connection, [row for change, row in pairs if not change.known])
        return [(change, row) for change, row in pairs if row.id in written]

    def _note(self, change: Change) -> tuple[bytes, int]:
        epoch = change.known.epoch + 1 if change.known else 0
        return self.secret_box.keyed_hash(change.candidate.identity), epoch

    def _kept(self, password: ForeignHash | None) -> str | None:
        """As the accounts table takes it."""
        if password is None:
            return None
        # Where it is current, another Twokeys made it under the costs of ours.
        return password.text if self.hasher.is_current(password.text) else write_stored(password)

    async def _hashed(self, password: PlainPassword | FastHash) -> str:
        async with self.hashing:
            if isinstance(password, PlainPassword):
                return await self.hasher.hash(password.text)
            return write_stored(wrapped_in(await self.hasher.hash(SecretStr(password.value)), password))


def _event(change: Change, row: TakenOver, context: RequestContext) -> Event:
    details: dict[str, object] = {
        "imported": True,
        "password": change.candidate.password_result,
        "two_factor": change.candidate.two_factor_result,
    }
    if change.known:
        details["epoch"] = change.known.epoch + 1
    kind = EventType.ACCOUNT_UPDATED if change.known else EventType.ACCOUNT_CREATED
    return Event.of(new_id(), row.id, kind, context, details)


def _row(change: Change, hash: str | None, at: datetime) -> TakenOver:
    candidate, known = change.candidate, change.known
    return TakenOver(
        id=known.id if known else new_id(),
        address=candidate.address,
        external_id=candidate.external_id,
        password_hash=hash,
        status=candidate.status,
        created_at=candidate.created_at or (None if known else at),
        locale=candidate.locale,
        email_verified_at=at if candidate.email_verified else None,
        epoch=known.epoch if known else 0,
    )
