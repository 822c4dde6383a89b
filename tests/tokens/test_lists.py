"""One's tokens by kind, with counts and the calling one whatever the page shows."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import a_session, an_account, bearer

pytestmark = pytest.mark.anyio


async def listed(api: httpx.AsyncClient, token: str, **query: Any) -> dict[str, Any]:
    return granted(await api.get("/v1/me/tokens", headers=bearer(token), params=query))


async def create(api: httpx.AsyncClient, session: str, description: str) -> str:
    answer = await api.post("/v1/me/tokens", json={"description": description}, headers=bearer(session))
    return str(granted(answer, 201)["access_token"])


async def test_a_kind_is_listed_alone_and_both_are_counted(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await an_account(services, "bob@example.com")
    await a_session(api, "bob@example.com")
    sessions = [await a_session(api) for _ in range(3)]
    for number in range(2):
        await create(api, sessions[0], f"Number {number}")

    found = {kind: await listed(api, sessions[0], kind=kind) for kind in ("session", "personal")}

    assert [item["kind"] for item in found["session"]["items"]] == ["session"] * 3
    assert [item["description"] for item in found["personal"]["items"]] == ["Number 1", "Number 0"]
    for page in found.values():
        assert page["counts"] == {"sessions": 3, "personal_tokens": 2}


async def test_the_calling_token_is_told_on_every_page(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    first = await a_session(api)
    me = (await listed(api, first))["current"]
    for _ in range(3):
        await a_session(api)
    clock.advance(timedelta(minutes=5))

    page = await listed(api, first, limit=2)

    assert me["id"] not in {item["id"] for item in page["items"]}
    assert page["current"]["id"] == me["id"]
    assert page["current"]["current"] is True
    assert page["current"]["last_used_at"] == "2026-03-14T15:14:26.000Z"
    assert page["counts"] == {"sessions": 4, "personal_tokens": 0}


async def test_a_personal_token_sees_itself_in_a_list_of_sessions(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    personal = await create(api, await a_session(api), "Backup")

    page = await listed(api, personal, kind="session")

    assert [item["kind"] for item in page["items"]] == ["session"]
    assert page["current"]["description"] == "Backup"


async def test_pages_of_a_kind_hold_each_token_once(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    for number in range(5):
        await create(api, session, f"Number {number}")
        await a_session(api)

    seen, query = [], {"kind": "personal", "limit": 2}
    while True:
        page = await listed(api, session, **query)
        seen += [item["description"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == [f"Number {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("kind", ["", "Session", "client", "session,personal"])
async def test_a_kind_that_is_none_is_refused(api: httpx.AsyncClient, services: Services, kind: str) -> None:
    await an_account(services)
    session = await a_session(api)

    answer = await api.get("/v1/me/tokens", headers=bearer(session), params={"kind": kind})

    assert refused(answer, 422, "invalid_request")["errors"][0]["pointer"] == "/kind"
