"""The ten lines of docs/clients.md that guard another service, run as they stand there."""

import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import httpx
import pytest

from app.main import House
from tests.conftest import SetClock
from tests.integrations.clients import a_client
from tests.integrations.pages import marked
from tests.support.people import EMAIL, a_session, an_account, bearer, enroll

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Guarded:
    """Somebody else's service, which asks us."""

    web: httpx.AsyncClient
    code: ModuleType

    async def get(self, path: str, token: str | None = None) -> httpx.Response:
        return await self.web.get(path, headers=bearer(token) if token else {})


@pytest.fixture
async def guarded(api: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    client = await a_client(house)
    monkeypatch.setenv("TWOKEYS_URL", "http://twokeys.internal")
    monkeypatch.setenv("TWOKEYS_CLIENT_ID", client.id)
    monkeypatch.setenv("TWOKEYS_CLIENT_SECRET", client.secret)
    code = ModuleType("orders")
    # FastAPI looks annotations up by the module's name.
    monkeypatch.setitem(sys.modules, "orders", code)
    exec(marked("clients.md", "guard"), code.__dict__)  # noqa: S102 - this is what is tested
    # The process behind its address is this one.
    code.twokeys._transport = api._transport
    async with httpx.AsyncClient(transport=httpx.ASGITransport(code.app), base_url="http://orders") as web:
        yield Guarded(web, code)


def seen(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_knows_who_calls(guarded: Guarded, api: httpx.AsyncClient, house: House) -> None:
    account = await an_account(house)
    assert seen(await guarded.get("/orders", await a_session(api))) == {"orders_of": str(account.id)}


async def test_it_lets_nobody_in_without_a_live_token(guarded: Guarded, api: httpx.AsyncClient, house: House) -> None:
    await an_account(house)
    token = await a_session(api)
    seen(await guarded.get("/orders", token))
    await api.post("/v1/logout", headers=bearer(token))
    for dead in (token, None, "nonsense"):
        answer = await guarded.get("/orders", dead)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_it_asks_for_two_factors_where_it_wants(
    guarded: Guarded, api: httpx.AsyncClient, house: House, clock: SetClock
) -> None:
    await an_account(house)
    token = await a_session(api)
    assert (await guarded.get("/refunds", token)).status_code == 403
    device = await enroll(api, token, clock.now())
    assert seen(await guarded.get("/refunds", device.token)) == {"refunds_by": EMAIL}


async def test_it_lets_nobody_in_when_we_are_away(guarded: Guarded, api: httpx.AsyncClient, house: House) -> None:
    await an_account(house)
    token = await a_session(api)

    def away(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"Retry-After": "1"})

    guarded.code.twokeys._transport = httpx.MockTransport(away)
    assert (await guarded.get("/orders", token)).status_code == 503
