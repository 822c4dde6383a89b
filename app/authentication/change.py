"""The one home of every change of how an account proves itself.

In this order, in one transaction: bump the epoch, do the change, count what died, issue the fresh session where one is
due, record the event, queue the mail. Nothing else in the service bumps an epoch; a test holds that.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.refusal import InvalidToken, NotFound
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import Caller, IssuedToken, Revoked
from app.tokens.service import Tokens


@dataclass(frozen=True)
class Record:
    """What is recorded and mailed about a change. `details` say how and why, never a secret; `facts` are the mail's."""

    event: EventType
    mail: MailKind | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Change:
    """A change whose transaction is open and whose epoch is bumped. `account` is as it is now."""

    connection: Connection
    account: Account
    context: RequestContext
    services: "CredentialChange" = field(repr=False)

    async def end(self, record: Record) -> Revoked:
        """For changes after which nobody goes on: by an operator, or by a link."""
        revoked = await self._count()
        await self._record(record, revoked)
        return revoked

    async def end_with_session(
        self, record: Record, amr: tuple[str, ...], authenticated_at: datetime
    ) -> tuple[IssuedToken, Revoked]:
        """Also issues the session in which the caller goes on; `authenticated_at` is the oldest proof that it names."""
        revoked = await self._count()
        issued = await self.services.tokens.issue_session(
            self.connection, self.account, amr, authenticated_at, self.context
        )
        named = replace(record, details={"amr": list(amr), **record.details})
        await self._record(named, revoked)
        return issued, revoked

    async def _count(self) -> Revoked:
        return await self.services.tokens.count_outlived(self.connection, self.account.id, self.context.at)

    async def _record(self, record: Record, revoked: Revoked) -> None:
        await self.services.audit_log.record(
            self.connection,
            record.event,
            self.context,
            account_id=self.account.id,
            **record.details,
            revoked=revoked.as_details(),
            epoch=self.account.epoch,
        )
        if record.mail is not None:
            await self.services.outbox.queue(
                self.connection,
                record.mail,
                self.context,
                account_id=self.account.id,
                to=self.account.address,
                locale=self.account.locale,
                **record.facts,
            )


@dataclass(frozen=True)
class CredentialChange:
    """How a change begins: by the caller's own token, by a link, a ticket or a password, and unconditionally."""

    database: Database
    accounts: Accounts
    tokens: Tokens
    audit_log: AuditLog
    outbox: Outbox

    @asynccontextmanager
    async def by_caller(self, caller: Caller, context: RequestContext) -> AsyncIterator[Change]:
        """Raises InvalidToken where the account changed or the calling token was revoked meanwhile."""
        async with self.database.transaction() as connection:
            account = await self.accounts.bump_epoch(connection, caller.account.id, seen=caller.account.epoch)
            if account is None or not await self.tokens.lock_unrevoked(connection, caller.token.id):
                raise InvalidToken
            yield Change(connection, account, context, self)

    @asynccontextmanager
    async def by_link(self, account: Account, context: RequestContext) -> AsyncIterator[Change | None]:
        """Or by a ticket or password. None where the account is no longer as it was read, so that the link is dead."""
        async with self.database.transaction() as connection:
            bumped = await self.accounts.bump_epoch(connection, account.id, seen=account.epoch)
            yield Change(connection, bumped, context, self) if bumped else None

    @asynccontextmanager
    async def unconditionally(self, account_id: UUID, context: RequestContext) -> AsyncIterator[Change]:
        """By an operator, or by a mailed link that outlives changes of the account and is looked up again within.

        Raises NotFound.
        """
        async with self.database.transaction() as connection:
            account = await self.accounts.bump_epoch(connection, account_id)
            if account is None:
                raise NotFound
            yield Change(connection, account, context, self)

    async def of_every_account(self, context: RequestContext, *, reason: str) -> int:
        """For a database that was restored, where revoked tokens live again. Returns how many accounts there are."""
        async with self.database.transaction() as connection:
            accounts = await self.accounts.bump_every_epoch(connection)
            await self.audit_log.record(
                connection,
                EventType.TOKENS_REVOKED,
                context,
                account_id=None,
                reason=reason,
                accounts=accounts,
                # Each account has one of its own.
                epoch=None,
            )
        return accounts
