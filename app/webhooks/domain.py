"""Webhooks and deliveries: what is sent to whom, how it is signed, when it is tried again."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.audit.details import without_people
from app.audit.domain import EventType, turn_details
from app.kernel.clock import rfc3339
from app.kernel.refusal import FieldError

TEST = "webhook.test"
EVERYTHING = "*"
MOST_TYPES, LONGEST_DESCRIPTION = 100, 200
_SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
# Both secrets sign for this long, so that a receiver changes over when it suits.
OVERLAP = timedelta(hours=24)
# After each failed attempt; the specification of Standard Webhooks recommends these.
_WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# Acts on the webhooks themselves are for the log alone: what tells of a failing webhook would fail as well.
_NOT_SENT = "webhook."


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Webhook:
    id: UUID
    url: str
    types: Sequence[str]
    description: str | None
    enabled: bool
    created_at: datetime


@dataclass(frozen=True)
class WebhookChange:
    """What is to be as it is given; None where it stays."""

    url: str | None = None
    types: Sequence[str] | None = None
    enabled: bool | None = None
    description: str | None = None
    clears_description: bool = False


@dataclass(frozen=True)
class Delivery:
    id: UUID
    event_id: UUID
    type: str
    status: DeliveryStatus
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None


@dataclass(frozen=True)
class LoggedEvent:
    """An event as a webhook may be told of it: of whatever type, those of a newer release included."""

    id: UUID
    type: str
    account_id: UUID | None
    occurred_at: datetime
    client_id: str | None
    details: Mapping[str, object]


@dataclass(frozen=True)
class Claim:
    """The first pending delivery of one account to one webhook, which nobody else sends meanwhile."""

    webhook_id: UUID
    lane: UUID
    number: int
    """Counts the claims of this lane: an older claim settles nothing."""
    url: str
    sealed_secrets: Sequence[bytes] = field(repr=False)
    """Those that sign, the newest first."""
    delivery_id: UUID
    event_id: UUID
    type: str
    attempts: int
    created_at: datetime
    event: LoggedEvent | None
    """None where it is a test, or the event is gone."""
    external_id: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt. `wait` is how long until the next, where there is one."""

    claim: Claim
    status: DeliveryStatus
    wait: timedelta | None = None


def read_types(types: Sequence[str]) -> tuple[str, ...]:
    """Raises FieldError for one that no event has."""
    known = {each.value for each in EventType} | {TEST}
    for number, wanted in enumerate(types):
        if wanted != EVERYTHING and not any(_fits(wanted, type) for type in known):
            raise FieldError(f"/types/{number}", "Must be a type of event, a group such as token.*, or *.")
    return tuple(dict.fromkeys(types))


def _fits(wanted: str, type: str) -> bool:
    group = wanted.removesuffix("*")
    return type == wanted or (wanted.endswith(".*") and type.startswith(group)) or wanted == EVERYTHING


def wants(types: Sequence[str], type: str) -> bool:
    return not type.startswith(_NOT_SENT) and any(_fits(wanted, type) for wanted in types)


def wait_after(attempts: int) -> timedelta | None:
    """Until the next attempt, when so many have failed; None where that was the last."""
    return _WAITS[attempts - 1] if attempts <= len(_WAITS) else None


def write_secret(key: bytes) -> str:
    return _SECRET_PREFIX + base64.b64encode(key).decode()


def body_of(claim: Claim) -> bytes:
    """Ids only: no address, IP, user agent or typed reason, and of a deleted account not even details."""
    event = claim.event
    details = without_people(claim.type, event.details, event.client_id) if event else {}
    if event and claim.type == EventType.ACCOUNT_EPOCH_TURNED:
        details = turn_details(event.account_id, details, reason=event.type)
    data = {
        "event_id": str(claim.event_id),
        "account_id": str(event.account_id) if event and event.account_id else None,
        "external_id": claim.external_id,
        "client_id": event.client_id if event else None,
        "details": details,
    }
    payload = {"type": claim.type, "timestamp": rfc3339(event.occurred_at if event else claim.created_at), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(claim: Claim, body: bytes, keys: Sequence[bytes], at: datetime) -> dict[str, str]:
    """Standard Webhooks: signed by each key, so that either of two secrets verifies."""
    id, timestamp = str(claim.event_id), str(int(at.timestamp()))
    signed = b".".join((id.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
