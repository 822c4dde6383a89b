"""Lists by cursor: every item once, whatever is added or goes meanwhile; and no cursor but ours."""

import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.clients.domain import Role
from app.kernel.randomness import new_id
from app.services import Services
from tests.conftest import SetClock
from tests.integrations.clients import Known, a_client
from tests.support.answers import granted, refused
from tests.support.people import a_session, an_account, bearer

pytestmark = pytest.mark.anyio
Ask = Callable[..., Awaitable[httpx.Response]]
LISTS = ["/v1/me/tokens", "/v1/me/events", "/v1/admin/accounts", "/v1/admin/events"]
every_list = pytest.mark.parametrize("path", LISTS)


@pytest.fixture
async def operator(services: Services) -> Known:
    return await a_client(services, Role.ADMIN)


class Lists:
    """The four lists of the API, and a way to make each one longer."""

    def __init__(self, api: httpx.AsyncClient, services: Services, operator: Known, token: str) -> None:
        self._api, self._services, self._operator, self._token = api, services, operator, token
        self._number = 0

    async def ask(self, path: str, **query: Any) -> httpx.Response:
        if path.startswith("/v1/admin"):
            return await self._api.get(path, params=query, auth=self._operator.basic)
        return await self._api.get(path, params=query, headers=bearer(self._token))

    async def page(self, path: str, **query: Any) -> tuple[list[str], str | None]:
        found = granted(await self.ask(path, **query))
        assert found.keys() >= {"items", "next_cursor"}
        return [item["id"] for item in found["items"]], found["next_cursor"]

    async def grow(self, path: str) -> None:
        """One more in each list: a personal token is an event too, and so is an account."""
        self._number += 1
        if path == "/v1/admin/accounts":
            await an_account(self._services, f"number-{self._number}@example.com")
        else:
            values = {"description": f"Number {self._number}"}
            granted(await self._api.post("/v1/me/tokens", json=values, headers=bearer(self._token)), 201)


@pytest.fixture
async def lists(api: httpx.AsyncClient, services: Services, operator: Known) -> Lists:
    await an_account(services)
    return Lists(api, services, operator, await a_session(api))


@every_list
async def test_pages_are_stable_while_the_list_grows(lists: Lists, clock: SetClock, path: str) -> None:
    for _ in range(6):
        clock.advance(timedelta(seconds=1))
        await lists.grow(path)
    before, _ = await lists.page(path)
    seen, cursor = await lists.page(path, limit=2)
    while cursor:
        await lists.grow(path)
        ids, cursor = await lists.page(path, limit=2, cursor=cursor)
        seen += ids
    assert seen == before
    assert seen == sorted(seen, reverse=True)
    newer, _ = await lists.page(path)
    assert newer[-len(before) :] == before
    assert len(newer) > len(before)


async def test_a_page_goes_on_where_its_last_item_was(lists: Lists, api: httpx.AsyncClient) -> None:
    """Also when that one is gone."""
    path = "/v1/me/tokens"
    for _ in range(4):
        await lists.grow(path)
    before, _ = await lists.page(path)
    first, cursor = await lists.page(path, limit=2)
    assert (await api.delete(f"/v1/me/tokens/{first[-1]}", headers=bearer(lists._token))).status_code == 204
    rest, _ = await lists.page(path, cursor=cursor)
    assert first + rest == before


@every_list
async def test_the_last_page_says_so(lists: Lists, path: str) -> None:
    for _ in range(3):
        await lists.grow(path)
    everything, none = await lists.page(path)
    assert none is None
    exactly, none = await lists.page(path, limit=len(everything))
    assert (exactly, none) == (everything, None)
    almost, more = await lists.page(path, limit=len(everything) - 1)
    assert more
    assert await lists.page(path, cursor=more) == (everything[-1:], None)
    assert almost == everything[:-1]


@every_list
@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "1.0", "+5", " 5", "1_0", "x", "", "1e2", "９"])
async def test_an_impossible_limit_is_422(lists: Lists, path: str, limit: str) -> None:
    body = refused(await lists.ask(path, limit=limit), 422, "invalid_request")
    assert body["errors"][0]["pointer"] == "/limit"


def edits(cursor: str) -> list[str]:
    raw = base64.urlsafe_b64decode(cursor)
    other = base64.urlsafe_b64encode(new_id().bytes + raw[16:]).decode()
    flipped = base64.urlsafe_b64encode(bytes([raw[0] ^ 1]) + raw[1:]).decode()
    bare = base64.urlsafe_b64encode(raw[:16]).decode()
    return [other, flipped, bare, cursor[:-1], cursor + "A", cursor.lower(), f" {cursor}", f"{cursor}\n", "", "null",
            str(new_id()), "AAAA", "%", "é" * 32, "x" * 5000]  # fmt: skip


@every_list
async def test_a_cursor_that_is_not_ours_is_422(lists: Lists, path: str) -> None:
    for _ in range(2):
        await lists.grow(path)
    _, cursor = await lists.page(path, limit=1)
    assert cursor
    for edited in edits(cursor):
        body = refused(await lists.ask(path, cursor=edited), 422, "invalid_request")
        assert body["errors"][0]["pointer"] == "/cursor"
        assert len(edited) < 8 or edited not in str(body)
    ids, _ = await lists.page(path, cursor=cursor)
    assert ids


async def test_a_cursor_belongs_to_its_list_and_filters(lists: Lists) -> None:
    for _ in range(2):
        await lists.grow("/v1/me/tokens")
        await lists.grow("/v1/admin/accounts")
    _, cursor = await lists.page("/v1/me/tokens", limit=1, kind="personal")
    assert await lists.page("/v1/me/tokens", kind="personal", cursor=cursor)
    _, of_events = await lists.page("/v1/admin/events", limit=1, type="token.created", to="2999-01-01T00:00:00Z")
    assert await lists.page("/v1/admin/events", to="2999-01-01T00:00:00Z", type="token.created", cursor=of_events)
    for path, query in (
        ("/v1/me/tokens", {}),
        ("/v1/me/tokens", {"kind": "session"}),
        ("/v1/me/events", {}),
        ("/v1/admin/events", {"type": "token.created"}),
        ("/v1/admin/accounts", {}),
    ):
        for foreign in (cursor, of_events):
            body = refused(await lists.ask(path, cursor=foreign, **query), 422, "invalid_request")
            assert body["errors"][0]["pointer"] == "/cursor"
