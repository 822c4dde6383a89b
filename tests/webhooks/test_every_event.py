"""Every type of event, as the acts of a whole story write it: in the log, in the schema, and to a receiver."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from app.audit.details import MEMBERS
from app.audit.domain import EventType
from app.services import Services
from app.settings import PasswordResetPolicy
from tests.conftest import SetClock
from tests.support.documented import must_fit
from tests.support.receiving import Receiver
from tests.webhooks.conftest import Subscribe, deliver
from tests.webhooks.every_act import CLEARING, EXTERNAL_ID, PARTS, Stage

pytestmark = pytest.mark.anyio
PERSON = {"User-Agent": "Secret Browser 7", "X-Forwarded-For": "203.0.113.77"}
WORD = re.compile(r"[a-z][a-z0-9_]*(\.[a-z_]+)*")
ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z")


@pytest.fixture
def changes(changes: dict[str, Any]) -> dict[str, Any]:
    policy = PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER
    seconds = int(CLEARING.total_seconds())
    return changes | {"password_reset_policy": policy, "two_factor_clearing_seconds": seconds}


async def test_every_type_is_written_fits_and_tells_receivers_ids_alone(
    api: httpx.AsyncClient,
    services: Services,
    clock: SetClock,
    operator: httpx.BasicAuth,
    receiver: Receiver,
    subscribe: Subscribe,
) -> None:
    await subscribe(receiver)
    api.headers.update(PERSON)
    for play in PARTS:
        await play(Stage(api, services, clock, operator))

    written = await log(api, operator)
    for event in written:
        must_fit(event)
    derived = EventType.ACCOUNT_EPOCH_TURNED
    assert {event["type"] for event in written} == set(EventType) - {derived}

    told = [event for event in written if not event["type"].startswith("webhook.")]
    turns = [event for event in told if "epoch" in event["details"] or event["type"] == "account.deleted"]
    await deliver(services, receiver, len(told) + len(turns))
    assert {*receiver.types} == {event["type"] for event in told} | {derived}
    sent = {member for each in receiver.received for member in each.event["data"]["details"]}
    assert {member for event in written for member in event["details"]} | sent == set(MEMBERS)
    for each in receiver.received:
        must_be_ids_and_words(each.event)
        must_be_an_id_and_a_signature(each.headers)
    [_] = {frozenset(each.headers.items() - of_the_event(each.headers).items()) for each in receiver.received}


async def log(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> list[dict[str, Any]]:
    answer = await api.get("/v1/admin/events", headers={"Accept": "application/x-ndjson"}, auth=operator)
    return [json.loads(line) for line in answer.text.splitlines()]


def must_be_ids_and_words(event: dict[str, Any]) -> None:
    """The words are ours: nothing that a person is, or that somebody typed, is one in small letters."""
    assert event["data"].pop("external_id") in {None, EXTERNAL_ID}
    for text in texts(event):
        assert WORD.fullmatch(text) or TIME.fullmatch(text) or ID.fullmatch(text), (text, event)


def of_the_event(headers: Mapping[str, str]) -> Mapping[str, str]:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-length")
    return {name: headers[name] for name in names}


def must_be_an_id_and_a_signature(headers: Mapping[str, str]) -> None:
    id, timestamp, signature, length = of_the_event(headers).values()
    assert ID.fullmatch(id)
    assert re.fullmatch("v1,[A-Za-z0-9+/]{43}=", signature)
    assert (timestamp + length).isdecimal()


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
