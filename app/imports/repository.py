"""Finding the accounts that lines are about, and noting which line made which account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.accounts.domain import Account
from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import account_of, accounts
from app.database.compiled import CompiledStatement
from app.database.engine import Connection
from app.imports.domain import Known

_KNOWN = CompiledStatement("""
    SELECT a.id, a.external_id, a.folded_address, a.credential_epoch, a.last_login_at IS NOT NULL AS has_logged_in,
           i.fingerprint, i.epoch AS imported_epoch
    FROM accounts AS a LEFT JOIN imported_accounts AS i ON i.account_id = a.id
    WHERE a.id IN (
        SELECT id FROM accounts WHERE external_id = ANY(CAST(:external_ids AS text[]))
        UNION SELECT id FROM accounts WHERE folded_address = ANY(CAST(:folded AS text[])))
""")
_NOTE = CompiledStatement("""
    INSERT INTO imported_accounts AS i (account_id, fingerprint, epoch, imported_at)
    SELECT account_id, fingerprint, epoch, :at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:fingerprints AS bytea[]), CAST(:epochs AS integer[]))
        AS new (account_id, fingerprint, epoch)
    ON CONFLICT (account_id) DO UPDATE
        SET fingerprint = excluded.fingerprint, epoch = excluded.epoch, imported_at = excluded.imported_at
""")
_NEVER_LOGGED_IN = CompiledStatement("""
    SELECT count(*) AS accounts FROM imported_accounts AS i JOIN accounts AS a ON a.id = i.account_id
    WHERE a.last_login_at IS NULL
""")


def _known_of(row: Any) -> Known:
    return Known(
        id=row.id,
        external_id=row.external_id,
        folded_address=row.folded_address,
        epoch=row.credential_epoch,
        has_logged_in=row.has_logged_in,
        fingerprint=row.fingerprint,
        imported_epoch=row.imported_epoch,
    )


@dataclass(frozen=True)
class ImportedAccountRows:
    connection: Connection

    async def known(self, external_ids: Sequence[str], folded_addresses: Sequence[str]) -> Sequence[Known]:
        """Every account that has one of these."""
        params = {"external_ids": external_ids, "folded": folded_addresses}
        return [_known_of(row) for row in await _KNOWN.all(self.connection, params)]

    async def note(self, lines: Mapping[UUID, tuple[bytes, int]], at: datetime) -> None:
        """The fingerprint of each account's line, and the epoch that the account has since."""
        params = {
            "ids": list(lines),
            "fingerprints": [fingerprint for fingerprint, _ in lines.values()],
            "epochs": [epoch for _, epoch in lines.values()],
            "at": at,
        }
        await _NOTE.all(self.connection, params)

    async def count_never_logged_in(self) -> int:
        row = await _NEVER_LOGGED_IN.first(self.connection, {})
        return int(row.accounts) if row else 0


async def accounts_after(connection: Connection, id: UUID | None, *, limit: int) -> list[Account]:
    """Accounts in the order of their ids."""
    query = select(*ACCOUNT_COLUMNS).order_by(accounts.c.id).limit(limit)
    if id is not None:
        query = query.where(accounts.c.id > id)
    return [account_of(row) for row in await connection.execute(query)]
