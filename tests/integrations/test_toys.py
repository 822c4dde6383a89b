"""A shop (FastAPI) and a dashboard (Node) that keep answers of introspection, and are told of what ends tokens.

Every clock stands still until a test moves it.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.kernel.clock import SystemClock
from app.services import Services, build_services
from tests.integrations.clients import a_client
from tests.integrations.pages import marked
from tests.integrations.toy import Toy, toy
from tests.support.marks import PATIENCE
from tests.support.people import a_session, an_account, an_operator, bearer, quick_settings
from tests.support.postgres import Server
from tests.support.processes import SteppedClock, replica
from tests.support.service import over

pytestmark = [pytest.mark.anyio, pytest.mark.system]
TOYS = Path(__file__).resolve().parent / "toys"
ENDINGS = ("account.epoch_turned", "token.revoked", "tokens.revoked")
LIFE = 30
"""Seconds for which both keep an answer."""
RETRIED_AFTER = timedelta(seconds=5)
IN, OUT = [True, True], [False, False]
_CLOCK_OF_SHOP = """
at = [1000.0]
cache.clock = lambda: at[0]


@app.post("/wait/{seconds}", status_code=204)
async def wait(seconds: int) -> None:
    at[0] += seconds
"""


@dataclass(frozen=True)
class World:
    api: httpx.AsyncClient
    services: Services
    clock: SteppedClock
    shop: Toy
    dashboard: Toy

    @property
    def toys(self) -> tuple[Toy, Toy]:
        return self.shop, self.dashboard

    async def let_in(self, token: str) -> list[bool]:
        return [await each.lets_in(token) for each in self.toys]

    async def kept_session(self, email: str) -> str:
        """One that both have asked about."""
        token = await a_session(self.api, email)
        assert await self.let_in(token) == IN
        return token

    async def log_out(self, token: str) -> None:
        assert (await self.api.post("/v1/logout", headers=bearer(token))).status_code == 204

    async def deliver_until(self, is_done: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await is_done():
                await self.services.webhook_delivery.deliver_due()

    async def deliver(self, count: int) -> None:
        """Until so many more have come into each line."""
        wanted = [len(each.line.came) + count for each in self.toys]

        async def have_come() -> bool:
            return [len(each.line.came) for each in self.toys] >= wanted

        await self.deliver_until(have_come)


@pytest.fixture(scope="module")
async def world(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory, python_package: Path, typescript_package: Path
) -> AsyncIterator[World]:
    name, folder = "toys", tmp_path_factory.mktemp("toys")
    url = await postgres.clone(name)
    clock = SteppedClock(folder / "clock", SystemClock().now())
    services = build_services(quick_settings(url, webhook_insecure=True, webhook_private_networks=True), clock)
    client = await a_client(services)
    env = over(url, TWOKEYS_RUN_WORKER="false", TWOKEYS_CONSOLE="false")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(postgres.drop, name)
        stack.push_async_callback(services.close)
        address, _ = stack.enter_context(replica(0, folder / "clock", env, folder))
        toys = []
        for command, home in (_shop(folder / "shop", python_package), _dashboard(typescript_package)):
            made = await stack.enter_async_context(toy(command, home))
            _, secret = await services.webhooks.create(made.line.url, ENDINGS, None, an_operator(services))
            made.env |= {
                "TWOKEYS_URL": address,
                "TWOKEYS_CLIENT_ID": client.id,
                "TWOKEYS_CLIENT_SECRET": client.secret,
                "TWOKEYS_WEBHOOK_SECRET": secret.get_secret_value(),
                "PYTHONPATH": _path_of(python_package),
            }
            await made.start()
            toys.append(made)
        stack.push_async_callback(services.webhook_delivery.stop)
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=address, timeout=PATIENCE))
        yield World(api, services, clock, *toys)


def _shop(home: Path, package: Path) -> tuple[list[str], Path]:
    home.mkdir()
    (home / "shop.py").write_text(marked("how-to/clients.md", "cache") + _CLOCK_OF_SHOP)
    return [sys.executable, "-m", "uvicorn", "shop:app", "--port", "PORT", "--log-level", "critical"], home


def _dashboard(package: Path) -> tuple[list[str], Path]:
    shutil.copy(TOYS / "dashboard.mjs", package)
    return ["node", "dashboard.mjs"], package


def _path_of(package: Path) -> str:
    """The package, and what it needs that this environment does not have."""
    python = f"python3.{sys.version_info.minor}"
    return os.pathsep.join(map(str, (package, package / ".venv" / "lib" / python / "site-packages")))


async def test_a_revoked_token_is_refused_once_its_event_arrives(world: World) -> None:
    email = "told@example.com"
    account = await an_account(world.services, email)
    left, other = await world.kept_session(email), await world.kept_session(email)
    await world.log_out(left)
    assert await world.let_in(left) == IN
    await world.deliver_until(lambda: refused(world, left))
    assert await world.let_in(other) == IN
    await world.services.access.revoke_tokens(account.id, "Asked for it.", an_operator(world.services))
    assert await world.let_in(other) == IN
    await world.deliver_until(lambda: refused(world, other))
    await world.kept_session(email)


async def refused(world: World, token: str) -> bool:
    return await world.let_in(token) == OUT


async def test_a_slow_receiver_refuses_by_the_limit_and_slows_no_other(world: World) -> None:
    email = "slow@example.com"
    await an_account(world.services, email)
    token = await world.kept_session(email)
    world.shop.line.open.clear()
    await world.log_out(token)
    await world.deliver_until(lambda: refused_by(world.dashboard, token))
    assert await world.shop.lets_in(token)
    await world.shop.wait(LIFE)
    assert not await world.shop.lets_in(token)
    world.shop.line.open.set()


async def refused_by(which: Toy, token: str) -> bool:
    return not await which.lets_in(token)


async def test_a_receiver_that_is_cut_off_refuses_by_the_limit(world: World) -> None:
    email = "cut@example.com"
    await an_account(world.services, email)
    token = await world.kept_session(email)
    for each in world.toys:
        each.line.does = "cut off"
    await world.log_out(token)
    await world.deliver(1)
    for each in world.toys:
        await each.wait(LIFE - 1)
        assert await each.lets_in(token)
        await each.wait(1)
        assert not await each.lets_in(token)
        each.line.does = "pass on"
    world.clock.advance(RETRIED_AFTER)
    await world.deliver(1)
    await world.kept_session(email)
    assert await world.let_in(token) == OUT


async def test_a_receiver_that_is_restarted_refuses_at_once(world: World) -> None:
    email = "restarted@example.com"
    await an_account(world.services, email)
    token = await world.kept_session(email)
    for each in world.toys:
        each.stop()
    await world.log_out(token)
    await world.deliver(1)
    for each in world.toys:
        await each.start()
    assert await world.let_in(token) == OUT
    world.clock.advance(RETRIED_AFTER)
    await world.deliver(1)
    await world.kept_session(email)


async def test_lost_doubled_and_reordered_events_end_what_they_end(world: World) -> None:
    email = "reordered@example.com"
    account = await an_account(world.services, email)
    for each in world.toys:
        each.line.does = "lose"
    dead = []
    for _ in range(2):
        dead.append(await world.kept_session(email))
        await world.services.access.revoke_tokens(account.id, "Asked for it.", an_operator(world.services))
    dead.append(await world.kept_session(email))
    await world.log_out(dead[-1])
    await world.deliver(5)
    alive = await world.kept_session(email)
    for each in world.toys:
        each.line.does = "pass on"
        for delivery in (*each.line.came[:-6:-1], *each.line.came[-5:]):
            assert (await each.line.send(delivery)).startswith(b"HTTP/1.1 204")
    assert [await world.let_in(token) for token in dead] == [OUT] * 3
    assert await world.let_in(alive) == IN


async def test_what_is_not_signed_by_us_ends_nothing(world: World) -> None:
    email = "forged@example.com"
    await an_account(world.services, email)
    token = await world.kept_session(email)
    for each in world.toys:
        each.line.does = "lose"
    await world.log_out(token)
    await world.deliver(1)
    for each in world.toys:
        each.line.does = "pass on"
        forged = each.line.came[-1].replace(b"token.revoked", b"token.Revoked")
        assert (await each.line.send(forged)).startswith(b"HTTP/1.1 400")
    assert await world.let_in(token) == IN
