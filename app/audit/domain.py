"""The events that are recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.kernel.requester import Requester


class EventType(StrEnum):
    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    TWO_FACTOR_ENROLLMENT_STARTED = "two_factor.enrollment_started"
    TWO_FACTOR_ENROLLMENT_CANCELLED = "two_factor.enrollment_cancelled"
    TWO_FACTOR_ENABLED = "two_factor.enabled"
    TWO_FACTOR_DISABLED = "two_factor.disabled"
    TWO_FACTOR_RESET = "two_factor.reset"
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
    TOKEN_CREATED = "token.created"
    TOKEN_RENAMED = "token.renamed"
    TOKEN_REVOKED = "token.revoked"
    TOKENS_REVOKED = "tokens.revoked"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_UPDATED = "account.updated"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_UNLOCKED = "account.unlocked"
    ACCOUNT_DELETED = "account.deleted"


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
