"""Deliveries: what is sent, in which order, how often, and what a receiver can't do to others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from app.audit.domain import EventType
from app.services import Services
from app.webhooks.delivery import WebhookDelivery
from app.webhooks.domain import DeliveryStatus, Outcome
from app.webhooks.repository import DeliveryRows
from app.webhooks.sender import Sender
from tests.conftest import SetClock
from tests.support.answers import granted
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, NEW_PASSWORD, PASSWORD, a_request, a_session, an_account, an_operator, bearer
from tests.support.receiving import Received, Receiver
from tests.webhooks.conftest import Subscribe, deliver, idle, verified

pytestmark = pytest.mark.anyio
PATH = "/v1/admin/webhooks"
AGENT = {"User-Agent": "Secret Browser 7"}
LEASE = timedelta(seconds=31)


async def revoke(services: Services, account_id: UUID, times: int = 1) -> None:
    """An act that can be repeated, and whose event says by its epoch which one it is."""
    for _ in range(times):
        await services.access.revoke_tokens(account_id, "Asked for it.", an_operator(services))


def epochs(received: Sequence[Received]) -> list[int]:
    return [each.event["data"]["details"]["epoch"] for each in received]


Listed = Callable[[Mapping[str, Any]], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def listed(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> Listed:
    async def of(webhook: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Its deliveries, the oldest first."""
        found = granted(await api.get(f"{PATH}/{webhook['id']}/deliveries", auth=operator))
        return list(reversed(found["items"]))

    return of


async def test_a_delivery_is_signed_and_holds_ids_alone(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, subscribe: Subscribe
) -> None:
    made = await subscribe(receiver, "account.epoch_turned", "password.changed")
    account = await an_account(services)
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    headers = bearer(await a_session(api)) | AGENT
    granted(await api.post("/v1/me/password", json=change, headers=headers))
    changed, turned = await deliver(services, receiver, 2)
    assert verified(turned, made["secret"]) == turned.event
    assert (changed.event["type"], turned.event["type"]) == ("password.changed", "account.epoch_turned")
    data = turned.event["data"]
    assert data.pop("event_id") == turned.headers["webhook-id"] != changed.headers["webhook-id"]
    assert data == {
        "account_id": str(account.id),
        "external_id": None,
        "client_id": None,
        "details": {"account_id": str(account.id), "epoch": 1, "reason": "password.changed"},
    }
    for each in (changed, turned):
        assert EMAIL.encode() not in each.body
        assert b"127.0.0.1" not in each.body
        assert AGENT["User-Agent"].encode() not in each.body
    with pytest.raises(WebhookVerificationError):
        verified(replace(turned, body=turned.body + b" "), made["secret"])


async def test_nothing_that_an_operator_types_or_that_a_person_is_leaves(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    await subscribe(receiver)
    account = await an_account(services)
    path, why = f"/v1/admin/accounts/{account.id}", {"reason": "Ada Lovelace called from +44 20 7946 0000."}
    granted(await api.post(f"{path}/unlock", json=why, auth=operator))
    granted(await api.post(f"{path}/tokens/revoke", json=why, auth=operator))
    granted(await api.post(f"{path}/2fa/reset", json=why, auth=operator))
    granted(await api.patch(path, json={"two_factor_policy": "exempt", **why}, auth=operator))
    own = bearer(await a_session(api))
    granted(await api.patch("/v1/me", json={"locale": "de-CH"}, headers=own))
    granted(await api.post("/v1/me/tokens", json={"description": "Ada Lovelace's"}, headers=own), 201)
    granted(await api.post("/v1/me/tokens/revoke-all", headers=own))
    told = [(each.event["type"], each.event["data"]["details"]) for each in await deliver(services, receiver, 11)]
    arrived = dict(told)
    # Of the same type the one reason was typed, the other is a word of ours.
    assert ["reason" in details for type, details in told if type == "tokens.revoked"] == [False, True]
    assert arrived["account.unlocked"] == arrived["account.updated"] == {}
    assert arrived["account.policy_changed"] == {"policy": "exempt", "was": "inherit"}
    assert arrived["two_factor.reset"].keys() == {"was_enabled", "revoked", "epoch"}
    everything = b"".join(each.body for each in receiver.received)
    for typed in (b"Lovelace", b"de-CH", EMAIL.encode()):
        assert typed not in everything


async def test_a_log_out_names_its_token(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, subscribe: Subscribe
) -> None:
    await subscribe(receiver, "token.*")
    await an_account(services)
    token = await a_session(api)
    id = granted(await api.get("/v1/me/tokens", headers=bearer(token)))["current"]["id"]
    await api.post("/v1/logout", headers=bearer(token))
    [told] = await deliver(services, receiver, 1)
    assert (told.event["type"], told.event["data"]["details"]["token_id"]) == ("token.revoked", id)


async def test_only_the_newest_secret_signs_after_a_day(
    api: httpx.AsyncClient,
    services: Services,
    clock: SetClock,
    receiver: Receiver,
    operator: httpx.BasicAuth,
    subscribe: Subscribe,
) -> None:
    made = await subscribe(receiver)
    await api.post(f"{PATH}/{made['id']}/rotate-secret", auth=operator)
    clock.advance(timedelta(hours=24))
    await an_account(services)
    [told] = await deliver(services, receiver, 1)
    assert len(told.headers["webhook-signature"].split(" ")) == 1


async def test_a_webhook_is_told_of_what_comes_while_it_is_enabled(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    account = await an_account(services)
    path = f"{PATH}/{(await subscribe(receiver))['id']}"
    await revoke(services, account.id)
    await deliver(services, receiver, 2)
    granted(await api.patch(path, json={"enabled": False}, auth=operator))
    await revoke(services, account.id)
    await idle(services)
    granted(await api.patch(path, json={"enabled": True}, auth=operator))
    await services.admin.disable(account.id, an_operator(services))
    await deliver(services, receiver, 4)
    turn = "account.epoch_turned"
    assert receiver.types == ["tokens.revoked", turn, "account.disabled", turn]


async def test_a_webhook_is_told_of_what_was_not_yet_committed(
    services: Services, receiver: Receiver, subscribe: Subscribe
) -> None:
    """The transaction that still runs is older than what was committed before the webhook was made."""
    account = await an_account(services)
    async with services.database.transaction() as sleeper:
        kind, context = EventType.TOKENS_REVOKED, a_request(services)
        await services.audit_log.record(sleeper, kind, context, account_id=account.id, epoch=100)
        await revoke(services, account.id)
        await subscribe(receiver, "tokens.revoked")
    await revoke(services, account.id)
    await deliver(services, receiver, 2)
    assert epochs(receiver.received) == [100, 2]


async def test_an_event_is_tried_on_schedule_and_then_dropped(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe, listed: Listed
) -> None:
    receiver.answer = lambda told: 500 if epochs([told]) == [1] else 204
    made = await subscribe(receiver, "tokens.revoked")
    account = await an_account(services)
    await revoke(services, account.id, 2)
    async with asyncio.timeout(PATIENCE):
        while len(await listed(made)) < 2:
            await services.webhook_delivery._tell()
    hours = (2, 5, 10, 14, 20, 24)
    waits = [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), *(timedelta(hours=h) for h in hours)]
    for number, wait in enumerate(waits, 1):
        await deliver(services, receiver, number)
        first, second = await listed(made)
        assert (first["status"], first["attempts"], second["attempts"]) == ("pending", number, 0)
        assert datetime.fromisoformat(first["next_attempt_at"]) - clock.now() < wait
        clock.advance(wait - timedelta(seconds=1))
        await idle(services)
        assert len(receiver.received) == number
        clock.advance(timedelta(seconds=1))
    await deliver(services, receiver, 11)
    assert [each["status"] for each in await listed(made)] == ["failed", "delivered"]
    assert epochs(receiver.received) == [1] * 10 + [2]


async def test_an_account_that_fails_holds_up_no_other(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe
) -> None:
    failing, other = await an_account(services), await an_account(services, "other@example.com")
    receiver.answer = lambda told: 503 if told.account_id == str(failing.id) else 204
    await subscribe(receiver, "tokens.revoked")
    await revoke(services, failing.id, 2)
    await revoke(services, other.id, 3)
    await deliver(services, receiver, 4)
    of_other = [each for each in receiver.received if each.account_id == str(other.id)]
    assert epochs(of_other) == [1, 2, 3]
    receiver.received.clear()
    receiver.answer = lambda _: 200
    clock.advance(timedelta(seconds=5))
    await deliver(services, receiver, 2)
    assert epochs(receiver.received) == [1, 2]


async def test_a_receiver_that_is_gone_is_left_alone(
    api: httpx.AsyncClient,
    services: Services,
    clock: SetClock,
    receiver: Receiver,
    operator: httpx.BasicAuth,
    subscribe: Subscribe,
) -> None:
    receiver.answer = lambda _: 410
    made = await subscribe(receiver)
    account = await an_account(services)
    await revoke(services, account.id, 3)
    await deliver(services, receiver, 1)
    clock.advance(timedelta(days=2))
    await idle(services)
    assert len(receiver.received) == 1
    assert granted(await api.get(f"{PATH}/{made['id']}", auth=operator))["enabled"] is False
    event = granted(await api.get("/v1/admin/events", auth=operator))["items"][0]
    assert (event["type"], event["details"]) == ("webhook.disabled", {"webhook_id": made["id"], "reason": "gone"})


async def test_no_redirect_is_followed(
    services: Services, receiver: Receiver, subscribe: Subscribe, listed: Listed
) -> None:
    receiver.answer = lambda _: 302
    made = await subscribe(receiver)
    await an_account(services)
    await deliver(services, receiver, 1)
    [delivery] = await listed(made)
    assert (len(receiver.received), delivery["status"], delivery["attempts"]) == (1, "pending", 1)
    assert "secret" not in str(delivery)


async def test_a_slow_receiver_holds_up_no_other(services: Services, subscribe: Subscribe) -> None:
    async with Receiver(hanging=True).running() as slow, Receiver().running() as quick:
        await subscribe(slow)
        await subscribe(quick)
        for number in range(12):
            await an_account(services, f"ada{number}@example.com")
        await deliver(services, quick, 12)
        assert len(slow.received) <= 12
        await services.webhook_delivery.stop()


async def test_two_processes_send_everything_once(services: Services, receiver: Receiver, subscribe: Subscribe) -> None:
    await subscribe(receiver, "tokens.revoked")
    accounts = [await an_account(services, f"ada{number}@example.com") for number in range(8)]
    for account in accounts:
        await revoke(services, account.id, 3)
    mine = services.webhook_delivery
    other = WebhookDelivery(mine.database, mine.clock, mine.secret_box, mine.sender, mine.audit_log)
    async with asyncio.timeout(PATIENCE):
        while len(receiver.received) < 24:
            await asyncio.gather(mine.deliver_due(), other.deliver_due())
    await idle(services)
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert len(ids) == len(set(ids)) == 24
    for account in accounts:
        told = [each for each in receiver.received if each.account_id == str(account.id)]
        assert epochs(told) == [1, 2, 3]


class Stopped(Exception):
    """The process ends here."""


class Ending(Sender):
    """Ends its process once the receiver has answered."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        await super().post(url, headers, body)
        raise Stopped


class EndingClock(SetClock):
    """Ends its process when it is asked for the time so often."""

    def __init__(self, at: datetime, times: int) -> None:
        super().__init__(at)
        self._times = times

    def now(self) -> datetime:
        self._times -= 1
        if self._times < 0:
            raise Stopped
        return super().now()


async def test_a_process_that_ends_anywhere_loses_nothing(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe
) -> None:
    """Between two steps it asks what time it is, so the clock ends it at each of them."""
    await subscribe(receiver, "tokens.revoked")
    account = await an_account(services)
    await revoke(services, account.id, 2)
    mine = services.webhook_delivery
    for times in range(6):
        dying = replace(mine, clock=EndingClock(clock.now(), times), _in_flight={})
        await asyncio.gather(dying.deliver_due(), return_exceptions=True)
        await dying.stop()
        clock.advance(LEASE)
    clock.advance(timedelta(minutes=5))
    await deliver(services, receiver, 2)
    arrived = epochs(receiver.received)
    assert list(dict.fromkeys(arrived)) == [1, 2]
    assert arrived == sorted(arrived)


async def test_what_was_sent_and_not_noted_is_sent_again(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe, listed: Listed
) -> None:
    made = await subscribe(receiver, "tokens.revoked")
    account = await an_account(services)
    await revoke(services, account.id)
    mine = services.webhook_delivery
    dying = replace(mine, sender=Ending(mine.sender.rules), _in_flight={})
    async with asyncio.timeout(PATIENCE):
        while not receiver.received:
            await asyncio.gather(dying.deliver_due(), return_exceptions=True)
    await idle(services)
    assert len(receiver.received) == 1
    clock.advance(LEASE)
    first, second = await deliver(services, receiver, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [each["status"] for each in await listed(made)] == ["delivered"]


async def test_an_older_claim_settles_nothing(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe, listed: Listed
) -> None:
    made = await subscribe(receiver, "tokens.revoked")
    account = await an_account(services)
    await revoke(services, account.id)
    mine = services.webhook_delivery
    async with asyncio.timeout(PATIENCE):
        while not await listed(made):
            await mine._tell()
    async with services.database.autocommit() as connection:
        rows, later = DeliveryRows(connection), clock.now() + LEASE
        [old] = await rows.claim_due(clock.now(), until=later, most=4, in_flight={})
        assert await rows.claim_due(clock.now(), until=later, most=4, in_flight={}) == []
        [new] = await rows.claim_due(later, until=later + LEASE, most=4, in_flight={})
        outcomes = [Outcome(claim, DeliveryStatus.DELIVERED) for claim in (old, new)]
        assert await rows.lock_claimed(outcomes) == outcomes[1:]
    [delivery] = await listed(made)
    assert (delivery["status"], delivery["attempts"]) == ("pending", 0)


async def test_a_deleted_account_leaves_ids_in_what_waits(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe
) -> None:
    receiver.answer = lambda _: 500
    await subscribe(receiver, "tokens.revoked", "account.deleted")
    account = await an_account(services)
    await revoke(services, account.id)
    await deliver(services, receiver, 1)
    await services.admin.delete(account.id, replace(a_request(services), client_id="support"))
    receiver.answer = lambda _: 200
    clock.advance(timedelta(seconds=5))
    _, late, deleted = await deliver(services, receiver, 3)
    assert late.event["data"]["details"] == deleted.event["data"]["details"] == {}
    assert deleted.account_id == str(account.id)


async def test_settled_deliveries_are_swept(
    services: Services, clock: SetClock, receiver: Receiver, subscribe: Subscribe, listed: Listed
) -> None:
    made = await subscribe(receiver)
    await an_account(services)
    await deliver(services, receiver, 1)
    clock.advance(timedelta(days=31))
    receiver.answer = lambda _: 500
    await an_account(services, "other@example.com", NEW_PASSWORD)
    await deliver(services, receiver, 2)
    async with services.database.autocommit() as connection:
        await services.webhooks.sweep(connection, clock.now())
    assert [each["status"] for each in await listed(made)] == ["pending"]
