"""Authenticator apps that move in with their accounts, or out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from app.database.engine import Connection
from app.kernel.randomness import new_id
from app.security.secret_box import SealBroken, SecretBox
from app.two_factor import totp
from app.two_factor.domain import APP_NAME, AppSecret
from app.two_factor.repository import AuthenticatorTransfers, TransferredApp

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AuthenticatorTransfer:
    secret_box: SecretBox

    async def take_over(
        self, connection: Connection, apps: Mapping[UUID, Sequence[AppSecret]], at: datetime, *, replacing: bool
    ) -> None:
        """Gives each account these apps, confirmed; the time step of this moment is spent.

        With `replacing` the accounts lose what they had. In the transaction that made or changed the accounts.
        """
        rows = AuthenticatorTransfers(connection)
        if replacing and apps:
            await rows.remove_all(list(apps))
        sealed = [self._sealed(account_id, app) for account_id, theirs in apps.items() for app in theirs]
        if sealed:
            await rows.add_all(sealed, step=totp.step_at(at), at=at)

    async def secrets_of(self, connection: Connection, account_ids: Sequence[UUID]) -> Mapping[UUID, list[AppSecret]]:
        """The secrets of each account's apps, in the clear; one that can't be opened is logged and left out."""
        found: dict[UUID, list[AppSecret]] = {}
        for row in await AuthenticatorTransfers(connection).of_each(account_ids):
            try:
                secret = self.secret_box.open(row.sealed_secret, owner=row.account_id).decode()
            except SealBroken:
                _log.critical("totp_secret_cannot_be_opened", account_id=str(row.account_id))
                continue
            found.setdefault(row.account_id, []).append(AppSecret(secret, row.name))
        return found

    def _sealed(self, account_id: UUID, app: AppSecret) -> TransferredApp:
        sealed = self.secret_box.seal(app.secret.encode(), owner=account_id)
        return TransferredApp(new_id(), account_id, app.name or APP_NAME, sealed)
