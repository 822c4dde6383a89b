"""What is answered when the hash queue is full, and who waits for a connection to Postgres in which order."""

import asyncio
from contextlib import ExitStack

import httpx
import pytest
from prometheus_client import REGISTRY

from app.database.engine import Database, TimeLimits
from app.kernel.refusal import Unavailable
from app.services import Services
from tests.support.answers import granted, refused
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, PASSWORD, a_session, an_account, bearer, log_in

pytestmark = pytest.mark.anyio


def shed() -> float:
    labels = {"method": "POST", "route": "/v1/login", "status": "503"}
    return REGISTRY.get_sample_value("twokeys_requests_total", labels) or 0


def fill(services: Services, places: ExitStack) -> None:
    for _ in range(services.settings.hash_threads + services.settings.hash_queue):
        places.enter_context(services.hasher.slot())


async def test_a_log_in_without_a_free_slot_is_refused_unread(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    with ExitStack() as places:
        fill(services, places)
        for body in ({"email": EMAIL, "password": PASSWORD}, {}, {"email": "@"}):
            answer = await api.post("/v1/login", json=body)
            refused(answer, 503, "overloaded")
            assert answer.headers["retry-after"] == "2"
            assert answer.headers["x-request-id"] == answer.json()["request_id"]
        together = await asyncio.gather(*(log_in(api) for _ in range(20)))
        assert {answer.status_code for answer in together} == {503}
    granted(await log_in(api))


async def test_without_room_everything_else_goes_on(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    with ExitStack() as places:
        fill(services, places)
        assert (await api.get("/v1/me", headers=bearer(token))).status_code == 200
        refused(await api.get("/v1/login"), 405, "method_not_allowed")
        refused(await api.post("/v1/login/two-factor", json={}), 422, "invalid_request")
        refused(await api.post("/v1/login/", json={}), 404, "not_found")


async def test_what_is_shed_stands_in_the_metrics_under_its_route(api: httpx.AsyncClient, services: Services) -> None:
    with ExitStack() as places:
        fill(services, places)
        before = shed()
        await log_in(api)
        assert shed() == before + 1


async def test_who_waits_for_a_connection_has_it_before_who_comes_later(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    order: list[str] = []

    async def wait(name: str) -> None:
        async with database.autocommit():
            order.append(name)

    async with database.autocommit():
        first = asyncio.create_task(wait("first"))
        await asyncio.sleep(0)
    # Given back just now, and nobody has had a turn yet.
    await wait("second")
    await first
    await database.close()
    assert order == ["first", "second"]


async def test_who_waits_too_long_for_a_connection_is_told_and_takes_none(database_url: str) -> None:
    database = Database(database_url, pool_size=1, limits=TimeLimits(connection=0.01))

    async def ask() -> None:
        async with database.autocommit():
            pass

    async with database.autocommit():
        waiting = asyncio.create_task(ask())
        done, _ = await asyncio.wait([waiting], timeout=PATIENCE)
        assert done, "it waits for ever"
        with pytest.raises(Unavailable):
            await waiting
    await ask()
    await database.close()
