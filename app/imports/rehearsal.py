"""What a dry run remembers of its own lines: the accounts that they would have made or changed."""

import sqlite3
import weakref
from collections.abc import Sequence
from uuid import UUID

from app.imports.domain import Change, Known, Outcome, Result
from app.kernel.randomness import new_id
from app.security.secret_box import SecretBox

# An empty name is a file that SQLite makes once its memory is full: of mode 0600, and deleted as soon as it is open.
# So nothing of it is left even by a kill -9.
_PLACE = ""
_SCHEMA = """
    PRAGMA journal_mode = OFF;
    PRAGMA cache_size = -16384;
    CREATE TABLE rehearsed (
        id BLOB PRIMARY KEY, external_id TEXT, folded_address TEXT, fingerprint BLOB, exists_already INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX by_external_id ON rehearsed (external_id);
    CREATE INDEX by_address ON rehearsed (folded_address);
"""
_FIND = """
    SELECT id, external_id, folded_address, fingerprint, exists_already FROM rehearsed WHERE {column} IN ({values})
"""
_NOTE = """
    INSERT OR REPLACE INTO rehearsed (id, external_id, folded_address, fingerprint, exists_already)
    VALUES (?, ?, ?, ?, ?)
"""


class Rehearsal:
    """Writes nothing to Postgres and locks nothing there, and takes the same memory for any number of lines."""

    def __init__(self, secret_box: SecretBox) -> None:
        self._secret_box = secret_box
        # One thread at a time, but not always the same one.
        self._rows = sqlite3.connect(_PLACE, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._rows.close)
        self._rows.executescript(_SCHEMA)

    def known(self, found: Sequence[Known], external_ids: Sequence[str], folded: Sequence[str]) -> Sequence[Known]:
        """The accounts of the database as the lines so far would have left them, and those that they would make."""
        rehearsed = [
            *self._find("external_id", external_ids),
            *self._find("folded_address", folded),
            *self._find("id", [known.id.bytes for known in found]),
        ]
        return list(({known.id: known for known in found} | {known.id: known for known in rehearsed}).values())

    def write(self, changes: Sequence[Change]) -> list[Outcome]:
        self._rows.executemany(_NOTE, [self._row(change) for change in changes])
        return [
            Outcome.of(change.candidate, Result.WOULD_UPDATE, change.known.shown_id)
            if change.known
            else Outcome.of(change.candidate, Result.WOULD_CREATE, None)
            for change in changes
        ]

    def _row(self, change: Change) -> tuple[bytes, str | None, str, bytes, bool]:
        candidate, known = change.candidate, change.known
        fingerprint = self._secret_box.keyed_hash(candidate.identity)
        id, exists = (known.id, known.exists) if known else (new_id(), False)
        return id.bytes, candidate.external_id, candidate.address.folded, fingerprint, exists

    def _find(self, column: str, values: Sequence[str | bytes]) -> list[Known]:
        query = _FIND.format(column=column, values=", ".join("?" * len(values)))
        return [_known_of(row) for row in self._rows.execute(query, values)]


def _known_of(row: tuple[bytes, str | None, str, bytes, int]) -> Known:
    id, external_id, folded_address, fingerprint, exists = row
    return Known(
        id=UUID(bytes=id),
        external_id=external_id,
        folded_address=folded_address,
        epoch=0,
        has_logged_in=False,
        fingerprint=fingerprint,
        imported_epoch=0,
        exists=bool(exists),
    )
