"""Reset links, and how a reset ends."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.kernel.refusal import Conflict, Gone, TooMany
from app.kernel.requester import Requester
from app.tokens.domain import Revoked


class TwoFactorOutcome(StrEnum):
    DISABLED = "disabled"
    CLEARING = "clearing"
    KEPT = "kept"
    NOT_ENABLED = "not_enabled"


@dataclass(frozen=True)
class ResetRequest:
    """Somebody asked for a link for this address; whether it has an account is found out later, by the worker."""

    id: UUID
    folded_address: str
    requested_at: datetime
    requester: Requester


class RequestedBy(StrEnum):
    """Who asked for a link. Persons and operators have budgets of their own; an invitation counts for neither."""

    PERSON = "person"
    OPERATOR = "operator"
    INVITATION = "invitation"
    NOTICE = "notice"
    """By the link "This wasn't me", which each notice has one of: that is budget enough."""


@dataclass(frozen=True)
class ResetLink:
    digest: bytes = field(repr=False)
    account_id: UUID
    epoch: int


class Foreseen(StrEnum):
    """What following a link would do to the second factor."""

    CLEARED = "cleared"
    CLEARING = "clearing"
    KEPT = "kept"
    NOT_ENABLED = "not_enabled"


@dataclass(frozen=True)
class Prospect:
    """What is known of an open link before it is followed."""

    address: str
    two_factor: Foreseen
    clears_at: datetime | None = None


@dataclass(frozen=True)
class Completed:
    two_factor: TwoFactorOutcome
    revoked: Revoked
    clears_at: datetime | None = None


class ResetTokenInvalid(Gone):
    """The same for unknown, used and expired."""

    code = "reset_token_invalid"
    title = "This link is no longer good; ask for a new one."


class TooManyResetMails(TooMany):
    code = "rate_limited"
    title = "This account was sent as many reset mails by operators as it may get in an hour."


class AccountDisabled(Conflict):
    code = "account_disabled"
    title = "The account is disabled; a reset link would not work."
