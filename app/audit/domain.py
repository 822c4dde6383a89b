"""The events that are recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester


class EventType(StrEnum):
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    TWO_FACTOR_ENROLLMENT_STARTED = "two_factor.enrollment_started"
    TWO_FACTOR_ENROLLMENT_CANCELLED = "two_factor.enrollment_cancelled"
    TWO_FACTOR_ENABLED = "two_factor.enabled"
    TWO_FACTOR_DISABLED = "two_factor.disabled"
    TWO_FACTOR_RESET = "two_factor.reset"
    TWO_FACTOR_CLEARING_STARTED = "two_factor.clearing_started"
    TWO_FACTOR_CLEARING_CANCELLED = "two_factor.clearing_cancelled"
    TWO_FACTOR_CLEARED = "two_factor.cleared"
    TWO_FACTOR_CODE_REFUSED = "two_factor.code_refused"
    TWO_FACTOR_CREDENTIAL_REFUSED = "two_factor.credential_refused"
    AUTHENTICATOR_ADDED = "authenticator.added"
    AUTHENTICATOR_REPLACED = "authenticator.replaced"
    AUTHENTICATOR_REMOVED = "authenticator.removed"
    AUTHENTICATOR_RENAMED = "authenticator.renamed"
    AUTHENTICATOR_CLONE_SUSPECTED = "authenticator.clone_suspected"
    RECOVERY_CODE_USED = "recovery_code.used"
    RECOVERY_CODES_REPLACED = "recovery_codes.replaced"
    PASSWORD_REFUSED = "password.refused"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_UPGRADED = "password.upgraded"
    PASSWORD_RESET_REQUESTED = "password_reset.requested"
    PASSWORD_RESET_COMPLETED = "password_reset.completed"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGE_CANCELLED = "email.change_cancelled"
    EMAIL_CHANGED = "email.changed"
    EMAIL_CHANGE_UNDONE = "email.change_undone"
    TOKEN_CREATED = "token.created"
    TOKEN_RENAMED = "token.renamed"
    TOKEN_REVOKED = "token.revoked"
    TOKENS_REVOKED = "tokens.revoked"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_UPDATED = "account.updated"
    ACCOUNT_POLICY_CHANGED = "account.policy_changed"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_UNLOCKED = "account.unlocked"
    ACCOUNT_DELETED = "account.deleted"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_UPDATED = "webhook.updated"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated"
    # Never recorded: `Event.turn_of_epoch` reads it from the event of the act.
    ACCOUNT_EPOCH_TURNED = "account.epoch_turned"


PAST_EVERY_EPOCH = 2**31 - 1
"""So that whoever drops tokens with a smaller epoch drops all of a deleted account's."""


@dataclass(frozen=True)
class Event:
    """`details` says how and why, never a secret. `client_id` is that of the operator's client that asked for it."""

    id: UUID
    account_id: UUID | None
    type: EventType
    occurred_at: datetime
    requester: Requester
    details: Mapping[str, object]
    client_id: str | None

    @classmethod
    def of(
        cls, id: UUID, account_id: UUID | None, type: EventType, context: RequestContext, details: Mapping[str, object]
    ) -> Self:
        if context.operator is not None:
            details = {**details, "operator": context.operator}
        return cls(id, account_id, type, context.at, context.requester, details, context.client_id)

    def turn_of_epoch(self) -> "Event | None":
        """What caches listen for, where the act of this event bumped the epoch or deleted the account.

        The event of the act says the epoch already, so no second one is recorded (ADR 20).
        """
        if "epoch" not in self.details and self.type is not EventType.ACCOUNT_DELETED:
            return None
        details = turn_details(self.account_id, self.details, reason=self.type)
        return replace(self, id=turn_id(self.id), type=EventType.ACCOUNT_EPOCH_TURNED, details=details)


def turn_id(id: UUID) -> UUID:
    """The id of the turn that an event tells of: the same whoever works it out, and a UUIDv7 of the same time."""
    return UUID(int=id.int ^ 1)


def turn_details(account_id: UUID | None, details: Mapping[str, object], *, reason: str) -> Mapping[str, object]:
    """Both are null where no token of any account is left. A deleted account's events say no epoch: it is past all."""
    if account_id is None:
        return {"account_id": None, "epoch": None, "reason": reason}
    return {"account_id": str(account_id), "epoch": details.get("epoch", PAST_EVERY_EPOCH), "reason": reason}


@dataclass(frozen=True)
class EventFilter:
    """What a list of events is narrowed to; all of what is given must fit."""

    account_id: UUID | None = None
    type: EventType | None = None
    since: datetime | None = None
    before: datetime | None = None

    @property
    def has_window(self) -> bool:
        return self.since is not None or self.before is not None


@dataclass(frozen=True)
class Position:
    """A place in the log, behind one event of one transaction."""

    transaction: int
    id: UUID


START_OF_LOG = Position(0, UUID(int=0))
