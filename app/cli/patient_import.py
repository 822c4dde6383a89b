"""An import of a file: reads a batch while Postgres writes the one before, and waits for a database that is away."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from app.cli.line_file import Line
from app.imports.domain import Outcome
from app.imports.service import Import, ReadLines
from app.kernel.refusal import Unavailable

_SECONDS_BETWEEN_TRIES = 1


class Patience:
    """How long a command still waits for a database that is away. One that answers earns all of it again."""

    def __init__(self, seconds: int) -> None:
        self._seconds = self._left = seconds

    def renew(self) -> None:
        self._left = self._seconds

    async def wait(self) -> bool:
        """False, at once, where there is none left."""
        if self._left < _SECONDS_BETWEEN_TRIES:
            return False
        self._left -= _SECONDS_BETWEEN_TRIES
        await asyncio.sleep(_SECONDS_BETWEEN_TRIES)
        return True


class PatientImport:
    """Lines that the database was away for are refused, and the next ones may find it back."""

    def __init__(self, running: Import, patience: Patience) -> None:
        self._running, self._patience = running, patience

    async def take_all(
        self, batches: Iterable[Sequence[Line]], *, ahead: bool
    ) -> AsyncIterator[tuple[Sequence[Outcome], int]]:
        """What came of each batch, and how far the file is read behind it.

        Without `ahead` no line is asked for before those that came are done: the next one may be long in coming.
        """
        batch: Sequence[Line] = ()
        found = ReadLines([], [])
        for following in batches:
            outcomes, found = await asyncio.gather(self._write(batch, found), self._read(following))
            if batch:
                yield outcomes, batch[-1].read
            batch = following
            if not ahead:
                yield await self._write(batch, found), batch[-1].read
                batch, found = (), ReadLines([], [])
        if batch:
            yield await self._write(batch, found), batch[-1].read

    async def _read(self, batch: Sequence[Line]) -> ReadLines:
        while True:
            try:
                return await self._running.read([(line.number, line.text) for line in batch])
            except Unavailable:
                if not await self._patience.wait():
                    return ReadLines([], _unavailable(batch))

    async def _write(self, batch: Sequence[Line], found: ReadLines) -> Sequence[Outcome]:
        while True:
            try:
                outcomes = await self._running.write(found)
            except Unavailable:
                if not await self._patience.wait():
                    return _unavailable(batch)
            else:
                self._patience.renew()
                return outcomes


def _unavailable(batch: Sequence[Line]) -> list[Outcome]:
    return [Outcome.unavailable(line.number) for line in batch]
