"""Tickets: no sessions, and good for enrolling a second factor alone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account
from app.kernel.refusal import NotAuthenticated


@dataclass(frozen=True)
class Ticket:
    """Whose it is; `created_at` is when the password was proved."""

    id: UUID
    created_at: datetime
    account: Account


@dataclass(frozen=True)
class TicketIssued:
    secret: SecretStr
    expires_in: int


class TicketExpired(NotAuthenticated):
    code = "ticket_expired"
    title = "This log-in has run out; begin again with the password."
