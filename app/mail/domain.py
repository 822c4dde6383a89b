"""The kinds of mail, what each one tells, and when a failed one is tried again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.kernel.requester import Requester

LONGEST_DELIVERY = timedelta(days=3)
NOT_ME_LIFE = timedelta(days=7)
_SHORTEST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)
_WAITS_PER_AGE = 20
NOTICES_AT_ONCE = 3
"""How many notices of one kind go out singly within the window; what comes after them is told in one."""
NOTICE_WINDOW = timedelta(minutes=10)


class MailKind(StrEnum):
    """The kinds of mail. Each names a template of every language."""

    PASSWORD_RESET = "password_reset"
    INVITATION = "invitation"
    TWO_FACTOR_ENABLED = "two_factor_enabled"
    TWO_FACTOR_DISABLED = "two_factor_disabled"
    TWO_FACTOR_RESET_BY_PASSWORD_RESET = "two_factor_reset_by_password_reset"
    TWO_FACTOR_RESET_BY_ADMIN = "two_factor_reset_by_admin"
    TWO_FACTOR_CLEARING = "two_factor_clearing"
    TWO_FACTOR_CLEARING_REMINDER = "two_factor_clearing_reminder"
    TWO_FACTOR_CLEARING_DUE = "two_factor_clearing_due"
    TWO_FACTOR_CLEARING_CANCELLED = "two_factor_clearing_cancelled"
    TWO_FACTOR_CLEARED = "two_factor_cleared"
    AUTHENTICATOR_ADDED = "authenticator_added"
    AUTHENTICATOR_REPLACED = "authenticator_replaced"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    AUTHENTICATOR_CLONE_SUSPECTED = "authenticator_clone_suspected"
    PASSWORD_CHANGED = "password_changed"
    EMAIL_CHANGE = "email_change"
    EMAIL_CHANGE_TAKEN = "email_change_taken"
    EMAIL_CHANGED = "email_changed"
    EMAIL_CHANGED_BY_ADMIN = "email_changed_by_admin"
    EMAIL_CHANGE_UNDONE = "email_change_undone"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_REPLACED = "recovery_codes_replaced"
    PERSONAL_TOKEN_CREATED = "personal_token_created"
    PERSONAL_TOKEN_ENDS = "personal_token_ends"
    NEW_SIGN_IN = "new_sign_in"
    WRONG_CODES = "wrong_codes"
    WRONG_CODES_AT_SET_UP = "wrong_codes_at_set_up"
    TEST = "test"


ABOUT_CLEARING = frozenset(
    {MailKind.TWO_FACTOR_CLEARING, MailKind.TWO_FACTOR_CLEARING_REMINDER, MailKind.TWO_FACTOR_CLEARING_DUE}
)
"""Their link cancels a clearing."""
# With examples of each, by which the templates are tried.
_FACTS: Mapping[MailKind, Mapping[str, Sequence[object]]] = {
    MailKind.PASSWORD_RESET: {"token": ["tkr_example"], "minutes": [30, 1]},
    MailKind.INVITATION: {"token": ["tkr_example"], "minutes": [4320]},
    **{kind: {"token": ["tkx_example"], "clears_at": ["2026-02-28T12:00:00Z"]} for kind in ABOUT_CLEARING},
    MailKind.TWO_FACTOR_CLEARING_CANCELLED: {"by": ["proof", "link", "operator"]},
    MailKind.EMAIL_CHANGE: {"token": ["tkm_example"], "hours": [24, 1], "current": ["ada@example.com"]},
    MailKind.EMAIL_CHANGED: {"token": ["tku_example"], "days": [7, 1], "new_address": ["new@example.com"]},
    MailKind.EMAIL_CHANGE_UNDONE: {"restored": ["ada@example.com"]},
    MailKind.RECOVERY_CODE_USED: {"remaining": [7, 1, 0]},
    # Not shown any more, since whoever holds a session chooses it; a worker of the release before still asks for it.
    MailKind.PERSONAL_TOKEN_CREATED: {"description": [""]},
    MailKind.PERSONAL_TOKEN_ENDS: {
        "created_at": ["2026-01-31T12:00:00+00:00"],
        "ends_at": ["2026-02-28T12:00:00+00:00"],
    },
    MailKind.WRONG_CODES: {"count": [10]},
    MailKind.WRONG_CODES_AT_SET_UP: {"count": [10]},
}


def facts_of(kind: MailKind) -> frozenset[str]:
    """What its text needs to be told, besides when it happened, to whom and from where."""
    return frozenset(_FACTS.get(kind, ()))


def examples_of(kind: MailKind) -> Iterator[Mapping[str, object]]:
    """Facts as they may be: each example comes up once."""
    facts = _FACTS.get(kind, {})
    for index in range(max((len(examples) for examples in facts.values()), default=1)):
        yield {name: examples[index % len(examples)] for name, examples in facts.items()}


def is_notice(kind: MailKind) -> bool:
    """Whether it only tells what happened: several may become one. A link in a mail is for that mail alone."""
    return "token" not in facts_of(kind)


def carries_not_me(kind: MailKind) -> bool:
    """Whether it has a link "This wasn't me". Two may go to a mailbox that has no account, or has just lost it."""
    return is_notice(kind) and kind not in {MailKind.EMAIL_CHANGE_UNDONE, MailKind.TEST}


@dataclass(frozen=True)
class MailContext:
    """What a mail is about: who reads it, when and from where it was caused, and the facts of its kind.

    One that stands for several tells of the last one.
    """

    to: str
    at: datetime
    requester: Requester
    facts: Mapping[str, object] = field(repr=False)
    times: int = 1
    locale: str | None = None


@dataclass(frozen=True)
class QueuedMail:
    """A row of the outbox that a worker has claimed. `kind` may be one that only a newer release knows."""

    id: UUID
    account_id: UUID
    kind: str
    sealed: bytes = field(repr=False)
    created_at: datetime
    attempts: int
    give_up_at: datetime
    times: int


@dataclass(frozen=True)
class Notice:
    """A notice whose link "This wasn't me" is open."""

    digest: bytes = field(repr=False)
    account_id: UUID
    kind: str


@dataclass(frozen=True)
class OutboxState:
    """What an operator watches: `dead` counts mails that were given up and not yet swept away."""

    pending: int
    oldest_age_seconds: float
    dead: int


def wait_before_retry(age: timedelta) -> timedelta:
    """A twentieth of the mail's age: 2 s at first, 4 s after 80 s, 5 min from 100 min on.

    So a mail leaves within 5 s of the return of a server that was away for a minute, and a server that
    was away for a day is not stormed.
    """
    return min(_LONGEST_WAIT, max(_SHORTEST_WAIT, age / _WAITS_PER_AGE))


def pack(context: MailContext) -> bytes:
    """The part of a mail that is sealed: everything that says something about the person."""
    requester = context.requester
    content = {"to": context.to, "locale": context.locale, "facts": dict(context.facts)}
    return json.dumps(content | {"ip": requester.address, "user_agent": requester.user_agent}).encode()


def unpack(packed: bytes, *, at: datetime, times: int = 1) -> MailContext:
    content = json.loads(packed)
    requester = Requester(content["ip"], content["user_agent"])
    # A mail of the release before has no locale.
    return MailContext(content["to"], at, requester, content["facts"], times, content.get("locale"))
