"""What the details of each type of event hold: for the schema of all events, and for the test that holds it."""

from collections.abc import Mapping
from typing import Any

from app.audit.domain import EventType

_ID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}

MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "account_id": {"type": ["string", "null"], "format": "uuid", "description": "Null: every account."},
    "accounts": _COUNT | {"description": "How many accounts it concerned."},
    "amr": {"type": "array", "items": _TEXT, "description": "How the session is proved (RFC 8176)."},
    "authenticator_id": _ID,
    "by": _TEXT | {"description": "What cancelled the wait: `proof`, `link`, `operator` or `undo`."},
    "clears_at": _TEXT | {"format": "date-time", "description": "When a right password turns two-factor off."},
    "description": _TEXT | {"description": "What its owner calls the personal token. Webhooks leave it out."},
    "epoch": {
        "type": ["integer", "null"],
        "description": "The account's epoch from now on: what has a smaller one is dead. Null: all that there is.",
    },
    "imported": _FLAG | {"description": "An import did it."},
    "invited": _FLAG | {"description": "The person gets a mail to set a password."},
    "kind": _TEXT | {"description": "The kind of the token, or of the authenticator."},
    "locale": {"type": ["string", "null"], "description": "The language of mails from now on (BCP 47)."},
    "notice": _TEXT | {"description": "The kind of mail whose link said that it was somebody else."},
    "operator": _TEXT | {"description": "Who ran the command, by the name that the operating system knows."},
    "password": _TEXT | {"description": "What the import did with the password."},
    "policy": _TEXT | {"description": "Whether the account must have two-factor authentication."},
    "reason": _TEXT | {"description": "A word of ours, or what an operator gave as the reason."},
    "remaining": _COUNT | {"description": "How many recovery codes are left."},
    "replaced": _ID | {"description": "The authenticator whose place it takes."},
    "revoked": {
        "type": "object",
        "properties": {"sessions": _COUNT, "personal_tokens": _COUNT},
        "required": ["sessions", "personal_tokens"],
        "description": "How many tokens it ended.",
    },
    "scheme": _TEXT | {"description": "The format of the other system's password hash."},
    "token_id": _ID,
    "token_ids": {"type": "array", "items": _ID},
    "two_factor": _TEXT | {"description": "What became of two-factor authentication."},
    "was": _TEXT | {"description": "The policy before."},
    "webhook_id": _ID,
    "was_enabled": _FLAG | {"description": "Whether two-factor authentication was on."},
}

# What these types give as a reason is always a word of ours. That of any other type is one as well, unless an operator
# acted, who may have typed it.
OUR_REASONS = frozenset(
    {
        EventType.LOGIN_FAILED,
        EventType.TWO_FACTOR_ENABLED,
        EventType.TWO_FACTOR_CODE_REFUSED,
        EventType.TWO_FACTOR_CREDENTIAL_REFUSED,
        EventType.PASSWORD_REFUSED,
        EventType.PASSWORD_RESET_REQUESTED,
        EventType.TOKEN_REVOKED,
        EventType.WEBHOOK_DISABLED,
        EventType.ACCOUNT_EPOCH_TURNED,
    }
)
_OF_PEOPLE = frozenset({"description", "locale", "operator"})

_CHANGE = ("revoked", "epoch")
_CHANGE_BY_CALLER = ("amr", *_CHANGE)
_OF_IMPORT = ("imported", "password", "two_factor")
DETAILS: Mapping[EventType, tuple[str, ...]] = {
    EventType.LOGIN_SUCCEEDED: ("amr",),
    EventType.LOGIN_FAILED: ("reason",),
    EventType.TWO_FACTOR_ENROLLMENT_STARTED: (),
    EventType.TWO_FACTOR_ENROLLMENT_CANCELLED: (),
    EventType.TWO_FACTOR_ENABLED: ("reason", *_CHANGE_BY_CALLER),
    EventType.TWO_FACTOR_DISABLED: _CHANGE_BY_CALLER,
    EventType.TWO_FACTOR_RESET: ("reason", "operator", "was_enabled", *_CHANGE),
    EventType.TWO_FACTOR_CLEARING_STARTED: ("clears_at",),
    EventType.TWO_FACTOR_CLEARING_CANCELLED: ("by", "reason", "operator", *_CHANGE),
    EventType.TWO_FACTOR_CLEARED: _CHANGE,
    EventType.TWO_FACTOR_CODE_REFUSED: ("reason",),
    EventType.TWO_FACTOR_CREDENTIAL_REFUSED: ("reason",),
    EventType.AUTHENTICATOR_ADDED: ("authenticator_id", "kind"),
    EventType.AUTHENTICATOR_REPLACED: ("authenticator_id", "replaced", "kind", *_CHANGE_BY_CALLER),
    EventType.AUTHENTICATOR_REMOVED: ("authenticator_id", "kind", "reason", "operator", *_CHANGE_BY_CALLER),
    EventType.AUTHENTICATOR_RENAMED: ("authenticator_id",),
    EventType.AUTHENTICATOR_CLONE_SUSPECTED: ("authenticator_id",),
    EventType.RECOVERY_CODE_USED: ("remaining",),
    EventType.RECOVERY_CODES_REPLACED: (),
    EventType.PASSWORD_REFUSED: ("reason",),
    EventType.PASSWORD_CHANGED: _CHANGE_BY_CALLER,
    EventType.PASSWORD_UPGRADED: ("scheme",),
    EventType.PASSWORD_RESET_REQUESTED: ("reason", "operator"),
    EventType.PASSWORD_RESET_COMPLETED: ("two_factor", *_CHANGE),
    EventType.EMAIL_CHANGE_REQUESTED: (),
    EventType.EMAIL_CHANGE_CANCELLED: (),
    EventType.EMAIL_CHANGED: ("reason", "operator", *_CHANGE),
    EventType.EMAIL_CHANGE_UNDONE: _CHANGE,
    EventType.TOKEN_CREATED: ("token_id", "kind", "description", "amr"),
    EventType.TOKEN_RENAMED: ("token_id", "description"),
    EventType.TOKEN_REVOKED: ("token_id", "kind", "description", "reason", "operator"),
    EventType.TOKENS_REVOKED: ("reason", "notice", "operator", "token_ids", "accounts", *_CHANGE),
    EventType.ACCOUNT_CREATED: ("invited", "operator", *_OF_IMPORT),
    EventType.ACCOUNT_UPDATED: ("locale", "reason", "operator", "epoch", *_OF_IMPORT),
    EventType.ACCOUNT_POLICY_CHANGED: ("policy", "was", "reason", "operator"),
    EventType.ACCOUNT_DISABLED: ("reason", "operator", *_CHANGE),
    EventType.ACCOUNT_ENABLED: ("reason", "operator"),
    EventType.ACCOUNT_UNLOCKED: ("operator", "reason"),
    EventType.ACCOUNT_DELETED: ("operator",),
    EventType.WEBHOOK_CREATED: ("webhook_id", "operator"),
    EventType.WEBHOOK_UPDATED: ("webhook_id", "operator"),
    EventType.WEBHOOK_DELETED: ("webhook_id", "operator"),
    EventType.WEBHOOK_DISABLED: ("webhook_id", "reason"),
    EventType.WEBHOOK_SECRET_ROTATED: ("webhook_id", "operator"),
    EventType.ACCOUNT_EPOCH_TURNED: ("account_id", "epoch", "reason"),
}
"""All of them may be missing: the events of a deleted account keep none."""


def without_people(type: str, details: Mapping[str, object], client_id: str | None) -> Mapping[str, object]:
    """What may leave for another system: ids and words of ours, and nothing that somebody typed or that a person is.

    What only a newer release records is left out as well, since this one can't tell what it is.
    """
    by_operator = client_id is not None or "operator" in details
    typed = {"reason"} if by_operator and type not in OUR_REASONS else set()
    sent = MEMBERS.keys() - _OF_PEOPLE - typed
    return {name: value for name, value in details.items() if name in sent}
