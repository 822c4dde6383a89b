"""One counted attempt, and whose it is."""

from dataclasses import dataclass
from datetime import datetime

from app.kernel.origin import Origin
from app.kernel.secret import fingerprint


@dataclass(frozen=True)
class Attempt:
    """One counted attempt at a password; `at` finds it again when it turns out to be right."""

    subject: bytes
    client: bytes
    at: datetime


def attempt_at(folded_address: str, origin: Origin, at: datetime) -> Attempt:
    return Attempt(subject_of(folded_address), fingerprint("client", origin.network), at)


def subject_of(folded_address: str) -> bytes:
    return fingerprint("subject", folded_address)
