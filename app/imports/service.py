"""Taking over accounts from another system, a batch of lines at a time. A bad line harms no other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app.accounts.foreign.domain import TakenOver
from app.accounts.foreign.service import AccountTransfer, ForeignPasswords, read_project
from app.audit.domain import Event, EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.imports.domain import (
    Candidate,
    ImportStatus,
    Known,
    LineProblem,
    LineRefused,
    Outcome,
    Password,
    PlainPassword,
    Result,
    find_account,
    in_waves,
    refuse_in_use,
    refuse_taken,
)
from app.imports.lines import read_candidate, read_firebase_parameters, read_object, shown_external_id
from app.imports.repository import ImportedAccountRows
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.security.foreign_hashes.bounds import HashRefused
from app.security.foreign_hashes.fast import FastHash
from app.security.foreign_hashes.firebase import FirebaseProject
from app.security.foreign_hashes.formats import write_stored
from app.security.foreign_hashes.wrapped import wrapped_in
from app.security.hasher import Hasher
from app.security.secret_box import SecretBox
from app.two_factor.transfer import AuthenticatorTransfer

_TRIES = 3


@dataclass(frozen=True)
class Change:
    """What a line will do: make an account, or change the one that an earlier line made."""

    candidate: Candidate
    known: Known | None


class _NothingIsKept(Exception):
    """Ends the transaction of a dry run."""


@dataclass(frozen=True)
class Imports:
    database: Database
    clock: Clock
    secret_box: SecretBox
    hasher: Hasher
    accounts: AccountTransfer
    foreign: ForeignPasswords
    authenticators: AuthenticatorTransfer
    audit_log: AuditLog
    hashing: asyncio.Semaphore
    """One hash at a time beside people who log in; more in a process of its own."""

    def begin(self, context: RequestContext, *, dry_run: bool = False) -> "Import":
        return Import(self, context, dry_run)

    async def status(self) -> ImportStatus:
        async with self.database.autocommit() as connection:
            return ImportStatus(
                accounts=await self.accounts.count(connection),
                by_scheme=await self.accounts.count_by_scheme(connection),
                never_logged_in=await ImportedAccountRows(connection).count_never_logged_in(),
            )


@dataclass
class Import:
    """The lines of one import, in their order; Firebase parameters hold for the lines after them."""

    service: Imports
    context: RequestContext
    dry_run: bool
    project: FirebaseProject | None = field(default=None, repr=False)

    async def take(self, lines: Sequence[tuple[int, bytes]]) -> list[Outcome]:
        """Numbered lines. Repeating them after a fault does no harm. Raises Unavailable."""
        outcomes: list[Outcome] = []
        segment: list[tuple[int, dict[str, Any]]] = []
        for number, raw in await asyncio.to_thread(_read_objects, lines):
            if isinstance(raw, LineRefused):
                outcomes.append(Outcome.refused(number, None, *raw.problems))
            elif "firebase" in raw:
                outcomes += await self._take_segment(segment)
                segment = []
                outcomes += await self._take_parameters(number, raw)
            else:
                segment.append((number, raw))
        outcomes += await self._take_segment(segment)
        return sorted(outcomes, key=lambda outcome: outcome.line)

    async def set_firebase_parameters(self, raw: Mapping[str, Any]) -> None:
        """For the lines after this. Raises LineRefused."""
        parameters = read_firebase_parameters(raw)
        try:
            if self.dry_run:
                self.project = read_project(new_id(), parameters)
            else:
                self.project = await self.service.foreign.remember_project(parameters)
        except HashRefused as refused:
            raise LineRefused(LineProblem("/firebase", refused.code, refused.message)) from None

    async def _take_parameters(self, number: int, raw: Mapping[str, Any]) -> Sequence[Outcome]:
        try:
            await self.set_firebase_parameters(raw)
        except LineRefused as refused:
            self.project = None
            return [Outcome.refused(number, None, *refused.problems)]
        return []

    async def _take_segment(self, raws: Sequence[tuple[int, dict[str, Any]]]) -> list[Outcome]:
        at = self.service.clock.now()
        candidates, outcomes = await asyncio.to_thread(_read_candidates, raws, self.project, at)
        for wave in in_waves(candidates):
            outcomes += await self._take_wave(wave)
        return outcomes

    async def _take_wave(self, wave: Sequence[Candidate]) -> list[Outcome]:
        """Read, decide, hash, write. Lines whose account changed in between are decided again."""
        outcomes: list[Outcome] = []
        for _ in range(_TRIES):
            changes, decided = await self._decide(wave)
            outcomes += decided
            done = await self._write(changes)
            outcomes += done
            written = {outcome.line for outcome in done}
            wave = [change.candidate for change in changes if change.candidate.number not in written]
            if not wave:
                return outcomes
        problem = LineProblem("", "changed_meanwhile", "The account is being changed by somebody else; try again.")
        return outcomes + [Outcome.refused(each.number, each.external_id, problem) for each in wave]

    async def _decide(self, wave: Sequence[Candidate]) -> tuple[list[Change], list[Outcome]]:
        ids = [candidate.external_id for candidate in wave if candidate.external_id is not None]
        async with self.service.database.autocommit() as connection:
            found = await ImportedAccountRows(connection).known(ids, [each.address.folded for each in wave])
        by_external_id = {known.external_id: known for known in found if known.external_id is not None}
        by_address = {known.folded_address: known for known in found}
        changes: list[Change] = []
        outcomes: list[Outcome] = []
        for candidate in wave:
            known = find_account(candidate, by_external_id, by_address)
            if (
                known
                and known.fingerprint
                and self.service.secret_box.is_hash_of(known.fingerprint, candidate.identity)
            ):
                outcomes.append(Outcome.of(candidate, Result.UNCHANGED, known.id))
                continue
            try:
                if known:
                    refuse_in_use(known)
                refuse_taken(candidate, known, by_address)
            except LineRefused as refused:
                outcomes.append(Outcome.refused(candidate.number, candidate.external_id, *refused.problems))
                continue
            changes.append(Change(candidate, known))
        return changes, outcomes

    async def _write(self, changes: Sequence[Change]) -> list[Outcome]:
        """What was written, by one transaction; of a dry run nothing stays."""
        if not changes:
            return []
        at = self.service.clock.now()
        rows = await self._rows(changes, at)
        outcomes: list[Outcome] = []
        try:
            async with self.service.database.transaction() as connection:
                outcomes = await self._write_rows(connection, changes, rows, at)
                self._keep_nothing_of_a_dry_run()
        except _NothingIsKept:
            return [outcome.as_if() for outcome in outcomes]
        return outcomes

    def _keep_nothing_of_a_dry_run(self) -> None:
        if self.dry_run:
            raise _NothingIsKept

    async def _rows(self, changes: Sequence[Change], at: datetime) -> Sequence[TakenOver]:
        hashes = await asyncio.gather(*(self._stored(change.candidate.password) for change in changes))
        return [_row(change, hash, at) for change, hash in zip(changes, hashes, strict=True)]

    async def _write_rows(
        self, connection: Connection, changes: Sequence[Change], rows: Sequence[TakenOver], at: datetime
    ) -> list[Outcome]:
        accounts = self.service.accounts
        pairs = list(zip(changes, rows, strict=True))
        written = await accounts.update_all(connection, [row for change, row in pairs if change.known])
        written |= await accounts.add_all(connection, [row for change, row in pairs if not change.known])
        done = [(change, row) for change, row in pairs if row.id in written]
        for replacing in (True, False):
            apps = {row.id: change.candidate.apps for change, row in done if bool(change.known) is replacing}
            await self.service.authenticators.take_over(connection, apps, at, replacing=replacing)
        await ImportedAccountRows(connection).note({row.id: self._note(change) for change, row in done}, at)
        await self.service.audit_log.record_all(connection, [self._event(change, row.id, at) for change, row in done])
        return [
            Outcome.of(change.candidate, Result.UPDATED if change.known else Result.CREATED, row.id)
            for change, row in done
        ]

    def _note(self, change: Change) -> tuple[bytes, int]:
        epoch = change.known.epoch + 1 if change.known else 0
        return self.service.secret_box.keyed_hash(change.candidate.identity), epoch

    def _event(self, change: Change, account_id: UUID, at: datetime) -> Event:
        candidate = change.candidate
        details: dict[str, object] = {
            "imported": True,
            "password": candidate.password_result,
            "two_factor": candidate.two_factor_result,
        }
        if change.known:
            details["epoch"] = change.known.epoch + 1
        kind = EventType.ACCOUNT_UPDATED if change.known else EventType.ACCOUNT_CREATED
        return Event.of(new_id(), account_id, kind, replace(self.context, at=at), details)

    async def _stored(self, password: Password) -> str | None:
        """As the accounts table takes it. A dry run hashes nothing."""
        if password is None:
            return None
        if isinstance(password, PlainPassword | FastHash):
            return "" if self.dry_run else await self._hashed(password)
        if self.service.hasher.is_current(password.text):
            # Another Twokeys made it, under the costs of ours.
            return password.text
        return write_stored(password)

    async def _hashed(self, password: PlainPassword | FastHash) -> str:
        async with self.service.hashing:
            if isinstance(password, PlainPassword):
                return await self.service.hasher.hash(password.text)
            return write_stored(wrapped_in(await self.service.hasher.hash(SecretStr(password.value)), password))


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


def _read_objects(lines: Sequence[tuple[int, bytes]]) -> list[tuple[int, dict[str, Any] | LineRefused]]:
    found: list[tuple[int, dict[str, Any] | LineRefused]] = []
    for number, line in lines:
        if not line.strip():
            continue
        try:
            found.append((number, read_object(line)))
        except LineRefused as refused:
            found.append((number, refused))
    return found


def _read_candidates(
    raws: Sequence[tuple[int, dict[str, Any]]], project: FirebaseProject | None, at: datetime
) -> tuple[list[Candidate], list[Outcome]]:
    candidates: list[Candidate] = []
    outcomes: list[Outcome] = []
    for number, raw in raws:
        try:
            candidates.append(read_candidate(number, raw, project, at))
        except LineRefused as refused:
            outcomes.append(Outcome.refused(number, shown_external_id(raw), *refused.problems))
    return candidates, outcomes
