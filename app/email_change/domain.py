"""Requests for another address, the links that confirm them, and the links that take a change back."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.accounts.domain import Address
from app.kernel.refusal import Gone
from app.kernel.requester import Requester
from app.two_factor.domain import Possessions


@dataclass(frozen=True)
class ChangeRequest:
    """An account wants this address. Whether another account has it is found out later, by the worker."""

    id: UUID
    account_id: UUID
    epoch: int
    address: Address
    requested_at: datetime
    expires_at: datetime
    requester: Requester


@dataclass(frozen=True)
class Pending:
    """What the person may know of a request: the same whether or not the address is taken."""

    address: str
    expires_at: datetime


@dataclass(frozen=True)
class Sent:
    """How many links of an account are open, and how many were sent within the hour."""

    open: int
    within_hour: int


@dataclass(frozen=True)
class Undo:
    """Leads back to the address that an account had, and to what it had then. `epoch` is the one that followed."""

    account_id: UUID
    epoch: int
    address: Address
    possessions: Possessions = field(repr=False)


class EmailTokenInvalid(Gone):
    """The same for unknown, used and expired, and where another account has the address by now."""

    code = "email_token_invalid"
    title = "This link is no longer good."
