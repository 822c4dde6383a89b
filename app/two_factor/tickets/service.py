"""The verbs of a ticket: enroll an authenticator app, or register a security key or passkey, and so log in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from app.accounts.attempts.domain import attempt_at
from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.authentication.change import Change, CredentialChange
from app.database.engine import Connection, Database
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.tokens.domain import BY_PASSWORD_AND_CODE
from app.two_factor.additions import Additions, Proved
from app.two_factor.authenticators.domain import RegistrationRequest
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.domain import Added, Issued
from app.two_factor.enrolling import Enroller, Enrolling
from app.two_factor.tickets.domain import Ticket, TicketExpired, TicketIssued
from app.two_factor.tickets.repository import Tickets

_TICKET_LIFE = timedelta(seconds=600)
_REASON = "required_by_policy"


@dataclass(frozen=True)
class TicketService:
    database: Database
    attempts: Attempts
    accounts: Accounts
    changes: CredentialChange
    enrolling: Enrolling
    authenticators: AuthenticatorService
    additions: Additions

    async def issue(self, connection: Connection, account: Account, at: datetime) -> TicketIssued:
        """In the transaction that has locked the account."""
        secret = new_secret(SecretKind.TICKET)
        await Tickets(connection).add(new_id(), digest(secret), account, at, at + _TICKET_LIFE)
        return TicketIssued(secret, int(_TICKET_LIFE.total_seconds()))

    async def begin(self, secret: str, name: str | None, context: RequestContext) -> Issued:
        """Raises TicketExpired, RateLimited."""
        ticket = await self._find(secret, context)
        return await self.enrolling.begin(self._enroller(ticket), context, name=name)

    async def confirm(self, secret: str, code: str, context: RequestContext) -> Added:
        """Raises TicketExpired, RateLimited, NoPendingEnrollment, EnrollmentExpired, WrongCode, TooManyAttempts."""
        ticket = await self._find(secret, context)
        _, store = await self.enrolling.match(ticket.account, ticket.id, code, context)
        proved = Proved(BY_PASSWORD_AND_CODE, ticket.created_at)
        return await self.additions.first(self._change(ticket, context), store, proved, context.at, reason=_REASON)

    async def begin_registration(
        self, secret: str, name: str | None, context: RequestContext, *, passkey: bool
    ) -> RegistrationRequest:
        """Raises TicketExpired, RateLimited."""
        ticket = await self._find(secret, context)
        return await self.authenticators.begin(self._enroller(ticket), name, context.at, passkey=passkey)

    async def register(
        self, secret: str, registration: str, answer: Mapping[str, Any], context: RequestContext
    ) -> Added:
        """Raises TicketExpired, RateLimited, RegistrationExpired, InvalidCredential, AuthenticatorExists."""
        ticket = await self._find(secret, context)
        store, proved = await self.authenticators.verify(ticket.account, registration, answer, context)
        return await self.additions.first(self._change(ticket, context), store, proved, context.at, reason=_REASON)

    async def _find(self, secret: str, context: RequestContext) -> Ticket:
        """Raises TicketExpired, RateLimited."""
        await self.attempts.take_request(context)
        found = digest_if(secret, SecretKind.TICKET)
        if found is None:
            raise TicketExpired
        async with self.database.autocommit() as connection:
            ticket = await Tickets(connection).find(found, context.at)
        if ticket is None:
            raise TicketExpired
        return ticket

    def _enroller(self, ticket: Ticket) -> Enroller:
        return Enroller(ticket.account, ticket.id, ticket.created_at, partial(self._lock, ticket))

    async def _lock(self, ticket: Ticket, connection: Connection) -> None:
        """A ticket that was used has bumped the epoch. Raises TicketExpired."""
        if not await self.accounts.lock_if_unchanged(connection, ticket.account):
            raise TicketExpired

    @asynccontextmanager
    async def _change(self, ticket: Ticket, context: RequestContext) -> AsyncIterator[Change]:
        """Spends the ticket and logs in: the address is known from now on. Raises TicketExpired."""
        async with self.changes.by_link(ticket.account, context) as change:
            if change is None or not await Tickets(change.connection).spend(ticket.id, context.at):
                raise TicketExpired
            attempt = attempt_at(change.account.folded_address, context)
            noted = await self.accounts.note_login(change.connection, change.account, attempt, context)
            yield replace(change, account=noted[0] if noted else change.account)

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await Tickets(connection).delete_old(at)
