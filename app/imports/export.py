"""Every account as the line that an import takes, so that nobody is kept here."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from app.accounts.domain import Account
from app.accounts.foreign.service import ForeignPasswords
from app.database.engine import Database
from app.imports.repository import accounts_after
from app.kernel.clock import rfc3339
from app.security.foreign_hashes.firebase import FirebaseScrypt
from app.security.foreign_hashes.formats import is_foreign, project_id_of
from app.security.foreign_hashes.wrapped import Wrapped
from app.two_factor import totp
from app.two_factor.domain import AppSecret
from app.two_factor.transfer import AuthenticatorTransfer

_AT_ONCE = 500
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Export:
    database: Database
    foreign: ForeignPasswords
    authenticators: AuthenticatorTransfer
    issuer: str

    async def accounts(self) -> AsyncIterator[dict[str, Any]]:
        """Without what proves anything."""
        async for batch in self._batches():
            for account in batch:
                yield _facts(account)

    async def accounts_with_secrets(self) -> AsyncIterator[dict[str, Any]]:
        """With password hashes and the secrets of authenticator apps in the clear.

        Passkeys and security keys belong to one site, and recovery codes are kept as digests: neither can move.
        """
        async with self.database.autocommit() as connection:
            projects = await self.foreign.projects(connection)
        named: str | None = None
        async for batch in self._batches():
            async with self.database.autocommit() as connection:
                secrets = await self.authenticators.secrets_of(connection, [account.id for account in batch])
            for account in batch:
                project_id = project_id_of(account.password_hash or "")
                if project_id is not None and project_id != named and project_id in projects:
                    named = project_id
                    yield {"firebase": projects[project_id]}
                yield await self._with_secrets(account, secrets.get(account.id, []))

    async def _batches(self) -> AsyncIterator[list[Account]]:
        last: UUID | None = None
        while True:
            async with self.database.autocommit() as connection:
                batch = await accounts_after(connection, last, limit=_AT_ONCE)
            if not batch:
                return
            yield batch
            last = batch[-1].id

    async def _with_secrets(self, account: Account, apps: list[AppSecret]) -> dict[str, Any]:
        line = _facts(account)
        if account.password_hash is not None and (password := await self._password(account.password_hash)):
            line["password"] = password
        if apps:
            line["two_factor"] = {
                "totp": [
                    {
                        "otpauth_uri": totp.provisioning_uri(
                            app.secret, account_name=account.address, issuer=self.issuer
                        ),
                        "name": app.name,
                    }
                    for app in apps
                ]
            }
        return line

    async def _password(self, stored: str) -> Mapping[str, str] | None:
        if not is_foreign(stored):
            return {"hash": stored}
        foreign = await self.foreign.read(stored)
        if isinstance(foreign, Wrapped):
            return foreign.exported()
        if isinstance(foreign, FirebaseScrypt):
            return foreign.exported()
        return {"hash": foreign.text} if foreign else None


def _facts(account: Account) -> dict[str, Any]:
    line: dict[str, Any] = {} if account.external_id is None else {"external_id": account.external_id}
    if account.locale is not None:
        line["locale"] = account.locale
    return line | {
        "email": account.address,
        "email_verified": account.email_verified_at is not None,
        "created_at": rfc3339(account.created_at),
        "status": account.status.value,
    }
