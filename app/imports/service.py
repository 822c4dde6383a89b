"""Taking over accounts from another system, a batch of lines at a time. A bad line harms no other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.accounts.domain import Address
from app.accounts.foreign.service import AccountTransfer, ForeignPasswords, read_project
from app.database.engine import Database
from app.imports.domain import (
    Candidate,
    Change,
    ImportStatus,
    Known,
    LineProblem,
    LineRefused,
    Outcome,
    Result,
    find_account,
    in_waves,
    refuse_in_use,
    refuse_taken,
)
from app.imports.lines import LineContext, read_candidate, read_object, shown_external_id
from app.imports.password_field import read_firebase_parameters
from app.imports.rehearsal import Rehearsal
from app.imports.repository import ImportedAccountRows
from app.imports.writer import LineWriter
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.security.foreign_hashes.bounds import HashRefused
from app.security.foreign_hashes.firebase import FirebaseProject
from app.security.secret_box import SecretBox

_TRIES = 3


@dataclass(frozen=True)
class Imports:
    database: Database
    clock: Clock
    secret_box: SecretBox
    accounts: AccountTransfer
    foreign: ForeignPasswords
    writer: LineWriter
    read_address: Callable[[str], Address]

    def begin(self, context: RequestContext, *, dry_run: bool = False) -> "Import":
        return Import(self, context, Rehearsal(self.secret_box) if dry_run else None)

    def hashing_at_once(self, hashes: int) -> "Imports":
        """For a process that nobody logs in to."""
        return replace(self, writer=replace(self.writer, hashing=asyncio.Semaphore(hashes)))

    async def status(self) -> ImportStatus:
        async with self.database.autocommit() as connection:
            return ImportStatus(
                accounts=await self.accounts.count(connection),
                by_scheme=await self.accounts.count_by_scheme(connection),
                never_logged_in=await ImportedAccountRows(connection).count_never_logged_in(),
            )


@dataclass(frozen=True)
class ReadLines:
    """What stands in a batch of lines, and what is to be said of those that can't be read."""

    candidates: list[Candidate]
    refused: list[Outcome]


@dataclass
class Import:
    """The lines of one import, in their order; Firebase parameters hold for the lines after them."""

    service: Imports
    context: RequestContext
    rehearsal: Rehearsal | None = None
    """Of a dry run, which writes to this alone."""
    project: FirebaseProject | None = field(default=None, repr=False)

    async def take(self, lines: Sequence[tuple[int, bytes]]) -> list[Outcome]:
        """Numbered lines. Repeating them after a fault does no harm. Raises Unavailable."""
        return await self.write(await self.read(lines))

    async def read(self, lines: Sequence[tuple[int, bytes]]) -> ReadLines:
        """Firebase parameters among the lines hold for those after them. Raises Unavailable."""
        found = ReadLines([], [])
        segment: list[tuple[int, dict[str, Any]]] = []
        for number, raw in await asyncio.to_thread(_read_objects, lines):
            if isinstance(raw, LineRefused):
                found.refused.append(Outcome.refused(number, None, *raw.problems))
            elif "firebase" in raw:
                await self._read_segment(segment, found)
                segment = []
                found.refused.extend(await self._take_parameters(number, raw))
            else:
                segment.append((number, raw))
        await self._read_segment(segment, found)
        return found

    async def write(self, found: ReadLines) -> list[Outcome]:
        """Meanwhile the lines after these may be read. Raises Unavailable."""
        outcomes = list(found.refused)
        for wave in in_waves(found.candidates):
            outcomes += await self._take_wave(wave)
        return sorted(outcomes, key=lambda outcome: outcome.line)

    async def set_firebase_parameters(self, raw: Mapping[str, Any]) -> None:
        """For the lines after this. Raises LineRefused."""
        parameters = read_firebase_parameters(raw)
        try:
            if self.rehearsal:
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

    async def _read_segment(self, raws: Sequence[tuple[int, dict[str, Any]]], found: ReadLines) -> None:
        context = LineContext(self.service.clock.now(), self.service.read_address, self.project)
        candidates, refused = await asyncio.to_thread(_read_candidates, raws, context)
        found.candidates.extend(candidates)
        found.refused.extend(refused)

    async def _take_wave(self, wave: Sequence[Candidate]) -> list[Outcome]:
        """Read, decide, hash, write. Lines whose account changed in between are decided again."""
        outcomes: list[Outcome] = []
        for _ in range(_TRIES):
            changes, decided = await self._decide(wave)
            outcomes += decided
            done = self.rehearsal.write(changes) if self.rehearsal else await self._write(changes)
            outcomes += done
            written = {outcome.line for outcome in done}
            wave = [change.candidate for change in changes if change.candidate.number not in written]
            if not wave:
                return outcomes
        problem = LineProblem("", "changed_meanwhile", "The account is being changed by somebody else; try again.")
        return outcomes + [Outcome.refused(each.number, each.external_id, problem) for each in wave]

    async def _write(self, changes: Sequence[Change]) -> list[Outcome]:
        return await self.service.writer.write(changes, self.context)

    async def _decide(self, wave: Sequence[Candidate]) -> tuple[list[Change], list[Outcome]]:
        found = await self._known(wave)
        by_external_id = {known.external_id: known for known in found if known.external_id is not None}
        by_address = {known.folded_address: known for known in found}
        changes: list[Change] = []
        outcomes: list[Outcome] = []
        for candidate in wave:
            known = find_account(candidate, by_external_id, by_address)
            if known and self._made_by(known, candidate):
                outcomes.append(Outcome.of(candidate, Result.UNCHANGED, known.shown_id))
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

    async def _known(self, wave: Sequence[Candidate]) -> Sequence[Known]:
        """Every account that has an external id or the address of one of these."""
        ids = [candidate.external_id for candidate in wave if candidate.external_id is not None]
        folded = [candidate.address.folded for candidate in wave]
        async with self.service.database.autocommit() as connection:
            found = await ImportedAccountRows(connection).known(ids, folded)
        return self.rehearsal.known(found, ids, folded) if self.rehearsal else found

    def _made_by(self, known: Known, candidate: Candidate) -> bool:
        """Whether this very line is what the account was last imported from."""
        fingerprint = known.fingerprint
        return fingerprint is not None and self.service.secret_box.is_hash_of(fingerprint, candidate.identity)


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
    raws: Sequence[tuple[int, dict[str, Any]]], context: LineContext
) -> tuple[list[Candidate], list[Outcome]]:
    candidates: list[Candidate] = []
    outcomes: list[Outcome] = []
    for number, raw in raws:
        try:
            candidates.append(read_candidate(number, raw, context))
        except LineRefused as refused:
            outcomes.append(Outcome.refused(number, shown_external_id(raw), *refused.problems))
    return candidates, outcomes
