"""Webhooks as operators make and watch them."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.clients.domain import Role
from app.key_rotation.service import Rotation
from app.security.secret_box import SecretBox
from app.services import Services
from tests.support.answers import granted, refused
from tests.support.people import a_client
from tests.support.receiving import Receiver
from tests.webhooks.conftest import Subscribe, deliver, verified

pytestmark = pytest.mark.anyio
PATH = "/v1/admin/webhooks"
URL = "https://shop.example.com/hooks"


async def test_a_secret_is_shown_once(api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth) -> None:
    body = {"url": URL, "types": ["two_factor.*", "token.revoked"], "description": "The shop's cache"}
    made = granted(await api.post(PATH, json=body, auth=operator), 201)
    assert made.pop("secret").startswith("whsec_")
    assert (made["url"], made["types"], made["description"], made["enabled"]) == (*body.values(), True)
    assert granted(await api.get(f"{PATH}/{made['id']}", auth=operator)) == made
    assert granted(await api.get(PATH, auth=operator)) == {"items": [made], "next_cursor": None}


async def test_a_webhook_is_changed_and_deleted(
    api: httpx.AsyncClient, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    path = f"{PATH}/{(await subscribe(receiver))['id']}"
    change: dict[str, Any] = {"url": URL, "types": ["*"], "description": "Shop", "enabled": False}
    changed = granted(await api.patch(path, json=change, auth=operator))
    assert {name: changed[name] for name in change} == change
    assert granted(await api.patch(path, json={"description": None}, auth=operator))["description"] is None
    assert granted(await api.patch(path, json={}, auth=operator))["url"] == URL
    assert (await api.delete(path, auth=operator)).status_code == 204
    for answer in (
        await api.get(path, auth=operator),
        await api.patch(path, json=change, auth=operator),
        await api.delete(path, auth=operator),
        await api.post(f"{path}/rotate-secret", auth=operator),
        await api.post(f"{path}/test", auth=operator),
        await api.get(f"{path}/deliveries", auth=operator),
    ):
        refused(answer, 404, "not_found")


async def test_acts_on_webhooks_are_events_and_not_sent(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    made = await subscribe(receiver)
    path = f"{PATH}/{made['id']}"
    await api.patch(path, json={"description": "Shop"}, auth=operator)
    await api.post(f"{path}/rotate-secret", auth=operator)
    await api.delete(f"{PATH}/{(await subscribe(receiver, 'webhook.*'))['id']}", auth=operator)
    found = granted(await api.get("/v1/admin/events", auth=operator))["items"]
    kinds = ["deleted", "created", "secret_rotated", "updated", "created"]
    assert [event["type"] for event in found] == [f"webhook.{kind}" for kind in kinds]
    assert found[-1]["details"] == {"webhook_id": made["id"]}
    await api.post(f"{path}/test", auth=operator)
    await deliver(services, receiver, 1)
    assert receiver.types == ["webhook.test"]


async def test_what_can_not_be_a_webhook_is_refused(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> None:
    whole = {"url": URL, "types": ["*"]}
    made = granted(await api.post(PATH, json=whole, auth=operator), 201)
    wrongs: tuple[dict[str, Any], ...] = (
        {"url": "ftp://shop.example.com/"},
        {"url": "https://224.0.0.1/"},
        {"types": []},
        {"types": ["two_factor"]},
        {"types": ["two_factor."]},
        {"types": ["*.revoked"]},
        {"types": "*"},
        {"description": ""},
        {"description": "a\nb"},
        {"enabled": "yes"},
        {"secret": "whsec_AAAA"},
    )
    for wrong in wrongs:
        refused(await api.post(PATH, json={**whole, **wrong}, auth=operator), 422, "invalid_request")
        refused(await api.patch(f"{PATH}/{made['id']}", json=wrong, auth=operator), 422, "invalid_request")


async def test_webhooks_are_for_clients_with_the_role_admin(api: httpx.AsyncClient, services: Services) -> None:
    other = await a_client(services, Role.ACCOUNTS_WRITE, Role.EVENTS_READ, Role.INTROSPECT, Role.IMPORT)
    refused(await api.get(PATH, auth=other), 403, "insufficient_role")
    refused(await api.post(PATH, json={"url": URL, "types": ["*"]}, auth=other), 403, "insufficient_role")


async def test_a_test_is_delivered_and_delivered_again(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    path = f"{PATH}/{(await subscribe(receiver, 'account.created'))['id']}"
    queued = granted(await api.post(f"{path}/test", auth=operator), 202)
    assert (queued["type"], queued["status"], queued["attempts"]) == ("webhook.test", "pending", 0)
    await deliver(services, receiver, 1)
    [delivered] = granted(await api.get(f"{path}/deliveries", auth=operator))["items"]
    assert (delivered["id"], delivered["status"], delivered["attempts"]) == (queued["id"], "delivered", 1)
    assert delivered["next_attempt_at"] is None
    again = granted(await api.post(f"{path}/deliveries/{queued['id']}/retry", auth=operator), 202)
    assert again["status"] == "pending"
    first, second = await deliver(services, receiver, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == queued["event_id"]
    other = f"{PATH}/{(await subscribe(receiver))['id']}"
    refused(await api.post(f"{other}/deliveries/{queued['id']}/retry", auth=operator), 404, "not_found")


async def test_secrets_are_sealed_and_sealed_anew(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    made = await subscribe(receiver, "account.created")
    newer = SecretBox((b"ZYXWVUTSRQPONMLKJIHGFEDCBA987654", *services.settings.keys()))
    [progress] = [each async for each in Rotation(services.database, newer).reseal(services.webhooks)]
    assert (progress.resealed, progress.unreadable) == (1, 0)
    async with services.database.autocommit() as connection:
        sealed = await connection.scalar(text("SELECT sealed_secret FROM webhook_secrets"))
    assert newer.is_current(sealed)
    await api.post(f"{PATH}/{made['id']}/test", auth=operator)
    # This process does not hold the new key: it signs nothing, and tries again.
    while not await services.webhook_delivery.deliver_due():
        pass
    assert receiver.received == []
    assert made["secret"].encode() not in sealed


async def test_both_secrets_sign_for_a_day(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, operator: httpx.BasicAuth, subscribe: Subscribe
) -> None:
    made = await subscribe(receiver, "account.created")
    path = f"{PATH}/{made['id']}"
    newer = granted(await api.post(f"{path}/rotate-secret", auth=operator))["secret"]
    await api.post(f"{path}/test", auth=operator)
    [signed] = await deliver(services, receiver, 1)
    assert verified(signed, made["secret"]) == verified(signed, newer) == signed.event
    assert len(signed.headers["webhook-signature"].split(" ")) == 2
