"""The verbs of a ticket: enroll an authenticator app, or register a security key or passkey, and so log in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from app.accounts.attempts.domain import attempt_at
from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.authentication.change import Change, CredentialChange
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.requester import Requester
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
    clock: Clock
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

    async def begin(self, secret: str, name: str | None, requester: Requester) -> Issued:
        """Raises TicketExpired, RateLimited."""
        at = self.clock.now()
        ticket = await self._find(secret, requester, at)
        return await self.enrolling.begin(self._enroller(ticket), requester, at, name=name)

    async def confirm(self, secret: str, code: str, requester: Requester) -> Added:
        """Raises TicketExpired, RateLimited, NoPendingEnrollment, EnrollmentExpired, WrongCode, TooManyAttempts."""
        at = self.clock.now()
        ticket = await self._find(secret, requester, at)
        _, store = await self.enrolling.match(ticket.account, ticket.id, code, requester, at)
        proved = Proved(BY_PASSWORD_AND_CODE, ticket.created_at)
        return await self.additions.first(self._change(ticket, requester, at), store, proved, at, reason=_REASON)

    async def begin_registration(
        self, secret: str, name: str | None, requester: Requester, *, passkey: bool
    ) -> RegistrationRequest:
        """Raises TicketExpired, RateLimited."""
        at = self.clock.now()
        ticket = await self._find(secret, requester, at)
        return await self.authenticators.begin(self._enroller(ticket), name, at, passkey=passkey)

    async def register(self, secret: str, registration: str, answer: Mapping[str, Any], requester: Requester) -> Added:
        """Raises TicketExpired, RateLimited, RegistrationExpired, InvalidCredential, AuthenticatorExists."""
        at = self.clock.now()
        ticket = await self._find(secret, requester, at)
        store, proved = await self.authenticators.verify(ticket.account, registration, answer, requester, at)
        return await self.additions.first(self._change(ticket, requester, at), store, proved, at, reason=_REASON)

    async def _find(self, secret: str, requester: Requester, at: datetime) -> Ticket:
        """Raises TicketExpired, RateLimited."""
        await self.accounts.attempts.take_request(requester, at)
        found = digest_if(secret, SecretKind.TICKET)
        if found is None:
            raise TicketExpired
        async with self.database.autocommit() as connection:
            ticket = await Tickets(connection).find(found, at)
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
    async def _change(self, ticket: Ticket, requester: Requester, at: datetime) -> AsyncIterator[Change]:
        """Spends the ticket and logs in: the address is known from now on. Raises TicketExpired."""
        async with self.changes.by_link(ticket.account, requester, at) as change:
            if change is None or not await Tickets(change.connection).spend(ticket.id, at):
                raise TicketExpired
            attempt = attempt_at(change.account.folded_address, requester, at)
            noted = await self.accounts.note_login(change.connection, change.account, attempt, requester)
            yield replace(change, account=noted[0] if noted else change.account)

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await Tickets(connection).delete_old(at)
