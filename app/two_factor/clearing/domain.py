"""The wait between a password reset and the end of two-factor authentication."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.kernel.refusal import Conflict, Gone
from app.kernel.requester import Requester

_DAY = timedelta(days=1)


class CancelledBy(StrEnum):
    PROOF = "proof"
    """Any right code, recovery code or credential of the account."""
    LINK = "link"
    OPERATOR = "operator"
    UNDO = "undo"
    """The old mailbox has taken a change of address back, and the reset with it."""


@dataclass(frozen=True)
class Clearing:
    """A wait that runs. `requester` is who followed the reset link, which every mail about it tells."""

    started_at: datetime
    clears_at: datetime
    requester: Requester
    next_mail_at: datetime | None
    """When the worker mails again; None after the last mail."""


def next_mail_after(at: datetime, *, started_at: datetime, clears_at: datetime) -> datetime | None:
    """Half-way, a day before, and at the end. What a worker that was down has missed is not made up for."""
    half_way = started_at + (clears_at - started_at) / 2
    times = {half_way, clears_at} | ({clears_at - _DAY} if clears_at - _DAY > started_at else set())
    return min((time for time in times if time > at), default=None)


class CancelLinkInvalid(Gone):
    """The same for unknown, used, and of a wait that has ended."""

    code = "cancel_link_invalid"
    title = "This link is no longer good: nothing waits to be cancelled by it."


class NothingToCancel(Conflict):
    code = "nothing_to_cancel"
    title = "No password reset is about to clear two-factor authentication."
