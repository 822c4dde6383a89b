"""One counted attempt, and whose it is."""

from dataclasses import dataclass
from datetime import datetime

from app.kernel.request_context import RequestContext
from app.kernel.secret import fingerprint


@dataclass(frozen=True)
class Attempt:
    """One counted attempt at a password, by account and network; `at` finds it again when it turns out to be right."""

    subject: bytes
    network: bytes
    at: datetime
    longest: int = 0
    """At how many in a row a streak locks: what forgiving has to know."""


def attempt_at(folded_address: str, context: RequestContext, *, longest: int = 0) -> Attempt:
    return Attempt(subject_of(folded_address), fingerprint("client", context.requester.network), context.at, longest)


def subject_of(folded_address: str) -> bytes:
    return fingerprint("subject", folded_address)
