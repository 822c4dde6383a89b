"""Events for other systems: pages and lines by time, turns of the epoch, and which tokens died."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.admin.event_schema import event_schema
from app.audit.details import DETAILS, MEMBERS
from app.audit.domain import PAST_EVERY_EPOCH, EventType
from app.clients.domain import Role
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.documented import SCHEMA
from tests.support.marks import given_settings
from tests.support.people import NEW_PASSWORD, PASSWORD, a_client, a_session, an_account, an_operator, bearer, enroll

pytestmark = pytest.mark.anyio
LINES = {"Accept": "application/x-ndjson"}
WHY = {"reason": "Asked for it."}


@pytest.fixture
async def auditor(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.EVENTS_READ)


Ask = Callable[..., Any]


@pytest.fixture
def lines(api: httpx.AsyncClient, auditor: httpx.BasicAuth) -> Ask:
    async def ask(**params: str) -> list[dict[str, Any]]:
        answer = await api.get("/v1/admin/events", params=params, headers=LINES, auth=auditor)
        assert (answer.status_code, answer.headers["content-type"]) == (200, LINES["Accept"])
        return [json.loads(line) for line in answer.text.splitlines()]

    return ask


@pytest.fixture
def items(api: httpx.AsyncClient, auditor: httpx.BasicAuth) -> Ask:
    async def ask(**params: str) -> list[dict[str, Any]]:
        answer = granted(await api.get("/v1/admin/events", params=params, auth=auditor))
        found: list[dict[str, Any]] = answer["items"]
        return found

    return ask


async def test_lines_are_the_pages_from_the_oldest_on(
    api: httpx.AsyncClient, services: Services, lines: Ask, items: Ask
) -> None:
    await an_account(services)
    for _ in range(3):
        await a_session(api)
    found = await lines()
    assert [event["type"] for event in found] == ["account.created", *["login.succeeded"] * 3]
    assert found[::-1] == await items()


async def test_lines_are_for_those_who_want_them(api: httpx.AsyncClient, auditor: httpx.BasicAuth) -> None:
    kinds = {"text/html, application/X-NDJSON;q=0.5": "application/x-ndjson"}
    kinds |= dict.fromkeys(("*/*", "application/x-ndjson; q=0, */*", "application/x-ndjson;q=0.00"), "application/json")
    for accept, kind in kinds.items():
        answer = await api.get("/v1/admin/events?limit=1", headers={"Accept": accept}, auth=auditor)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), accept


async def test_from_is_inclusive_and_to_is_exclusive(
    services: Services, clock: SetClock, lines: Ask, items: Ask
) -> None:
    times = []
    for number in range(3):
        await an_account(services, f"ada{number}@example.com")
        times.append(clock.now().isoformat())
        clock.advance(timedelta(seconds=1))
    for ask in (lines, items):
        assert [event["occurred_at"][:19] for event in await ask(**{"from": times[1]})] != []
        [second] = await ask(**{"from": times[1], "to": times[2]})
        assert second["occurred_at"].startswith(times[1][:19])


async def test_a_stream_longer_than_a_batch_is_whole(services: Services, lines: Ask) -> None:
    account = await an_account(services)
    for _ in range(510):
        await services.access.unlock(account.id, "Counting.", an_operator(services))
    ids = [event["id"] for event in await lines()]
    assert len(ids) == len(set(ids)) == 511


async def test_times_without_a_zone_are_refused(api: httpx.AsyncClient, auditor: httpx.BasicAuth) -> None:
    for params in (
        {"from": "2026-01-31"},
        {"to": "2026-01-31T00:00:00"},
        {"since": "2026-01-31T00:00:00Z"},
        {"from": "1769817600"},
        # In UTC these lie before the first year and behind the last.
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
    ):
        refused(await api.get("/v1/admin/events", params=params, auth=auditor), 422, "invalid_request")


async def test_every_turn_of_the_epoch_can_be_read(
    api: httpx.AsyncClient, services: Services, clock: SetClock, items: Ask
) -> None:
    operator = await a_client(services, Role.ADMIN)
    account = await an_account(services)
    path = f"/v1/admin/accounts/{account.id}"
    device = await enroll(api, await a_session(api), clock.now())
    granted(await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(device.token)))
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    granted(await api.post("/v1/me/password", json=change, headers=bearer(await a_session(api))))
    granted(await api.post(f"{path}/tokens/revoke", json=WHY, auth=operator))
    granted(await api.patch(path, json={"status": "disabled"}, auth=operator))
    turns = (await items(type="account.epoch_turned"))[::-1]
    assert [turn["details"] for turn in turns] == [
        {"account_id": str(account.id), "epoch": epoch, "reason": reason}
        for epoch, reason in enumerate(
            ("two_factor.enabled", "two_factor.disabled", "password.changed", "tokens.revoked", "account.disabled"), 1
        )
    ]
    assert {turn["account_id"] for turn in turns} == {str(account.id)}
    await api.delete(path, auth=operator)
    [last] = await items(type="account.epoch_turned")
    assert last["details"] == {"account_id": str(account.id), "epoch": PAST_EVERY_EPOCH, "reason": "account.deleted"}


async def test_a_turn_of_every_epoch_names_no_account(services: Services, items: Ask) -> None:
    await an_account(services)
    await services.access.revoke_every_token("Restored from yesterday.", an_operator(services))
    [turn] = await items(type="account.epoch_turned")
    assert turn["details"] == {"account_id": None, "epoch": None, "reason": "tokens.revoked"}


async def test_tokens_that_others_outlive_are_named(api: httpx.AsyncClient, services: Services, items: Ask) -> None:
    await an_account(services)
    doomed = [granted(await api.get("/v1/me/tokens", headers=bearer(await a_session(api))))["current"]["id"]]
    doomed.append(granted(await api.get("/v1/me/tokens", headers=bearer(await a_session(api))))["current"]["id"])
    granted(await api.post("/v1/me/tokens/revoke-all", json={}, headers=bearer(await a_session(api))))
    [event] = await items(type="tokens.revoked")
    assert sorted(event["details"]["token_ids"]) == sorted(doomed)
    assert "epoch" not in event["details"]


@given_settings(sessions_per_account=2)
async def test_a_session_too_many_is_named(
    api: httpx.AsyncClient, services: Services, clock: SetClock, items: Ask
) -> None:
    account = await an_account(services)
    oldest = granted(await api.get("/v1/me/tokens", headers=bearer(await a_session(api))))["current"]["id"]
    for _ in range(2):
        clock.advance(timedelta(seconds=1))
        await a_session(api)
    [event] = await items(account_id=str(account.id), type="token.revoked")
    assert event["details"] == {"token_id": oldest, "kind": "session", "reason": "too_many"}
    assert (await items())[0]["type"] == "login.succeeded"


def test_the_schema_knows_every_type_and_every_member() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == event_schema()
    assert set(DETAILS) == set(EventType)
    assert {name for names in DETAILS.values() for name in names} == set(MEMBERS)
