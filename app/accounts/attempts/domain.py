"""One counted attempt, and whose it is."""

from dataclasses import dataclass
from datetime import datetime

from app.kernel.requester import Requester
from app.kernel.secret import fingerprint


@dataclass(frozen=True)
class Attempt:
    """One counted attempt at a password, by account and network; `at` finds it again when it turns out to be right."""

    subject: bytes
    network: bytes
    at: datetime


def attempt_at(folded_address: str, requester: Requester, at: datetime) -> Attempt:
    return Attempt(subject_of(folded_address), fingerprint("client", requester.network), at)


def subject_of(folded_address: str) -> bytes:
    return fingerprint("subject", folded_address)
