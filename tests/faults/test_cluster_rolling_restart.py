"""Replicas behind a proxy are ended and started in turn while people work: no request fails."""

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from ruamel.yaml import YAML

from app.clients.domain import Role
from app.kernel.clock import SystemClock
from app.services import Services, build_services
from app.settings import Settings
from tests.faults.fleet import DEPLOY, Endpoints, NameServer, Replica, haproxy, haproxy_by_name, nginx
from tests.faults.ledger import Ledger, Worker, at_work, check
from tests.support.marks import PATIENCE, needs, only_long
from tests.support.people import PASSWORD
from tests.support.service import free_port, over

FRONTS = [front for program, front in (("haproxy", haproxy), ("nginx", nginx)) if shutil.which(program)]
pytestmark = [pytest.mark.anyio, pytest.mark.faults]
ROUNDS, PEOPLE = (10, 4) if os.environ.get("TWOKEYS_TEST_FAULTS") else (1, 2)
# The default; and where the machine may be slow, more time for the proxy to notice.
DRAIN = "2" if ROUNDS > 1 else "3"
# All work comes from one address here, since the proxy says where it comes from.
UNLIMITED = {"TWOKEYS_TRUSTED_PROXIES": "127.0.0.0/8", "TWOKEYS_REQUESTS_PER_CLIENT_MINUTE": "1000000"}
# A token that was ended, and one asked about afterwards.
EXPECTED = {200, 201, 204, 401}
_KEPT = 20


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    services = build_services(settings, SystemClock())
    yield services
    await services.close()


class Regular(Worker):
    """Logs in, in two steps where there is a second factor; makes a token, has it checked, and ends both."""

    checker: httpx.BasicAuth

    async def round(self) -> None:
        token = await (self.in_two_steps() if self.codes else self.log_in())
        if token is None:
            return
        if len(self.codes) == 1:
            renewed = await self.ask("POST", "/v1/me/2fa/recovery-codes", token, {"password": PASSWORD})
            self.codes = list(renewed.json()["recovery_codes"]) if renewed and renewed.is_success else []
        made = await self.ask("POST", "/v1/me/tokens", token, {"description": "kept"})
        if made is not None and made.status_code == 201:
            await self.use(made.json()["access_token"])
        await self.end(token)

    async def in_two_steps(self) -> str | None:
        response = await self.ask("POST", "/v1/login", body={"email": self.email, "password": PASSWORD})
        if response is None or not response.is_success:
            return None
        code = self.codes.pop()
        proof = {"challenge": response.json()["challenge"], "code": code}
        answer = await self.ask("POST", "/v1/login/two-factor", body=proof)
        if answer is None or not answer.is_success:
            return None
        token = str(answer.json()["access_token"])
        self.ledger.live.add(token)
        self.ledger.used.append((self.email, code))
        return token

    async def use(self, token: str) -> None:
        self.ledger.live.add(token)
        message = await self.ask("POST", "/v1/introspect", data={"token": token}, auth=self.checker)
        if message is not None and not (message.is_success and message.json()["active"]):
            self.ledger.violations.append(f"a live token was checked: {message.status_code}")
        # An account may have fifty; some stay to be looked for at the end.
        if len(self.ledger.live) > _KEPT:
            await self.end(token)

    async def end(self, token: str) -> None:
        self.ledger.live.discard(token)
        ended = await self.ask("POST", "/v1/logout", token)
        if ended is not None and ended.status_code == 204:
            self.ledger.dead.add(token)
            await self.ask("GET", "/v1/me", token)


async def workers_of(services: Services) -> type[Regular]:
    made = await services.clients.create("checker", (Role.INTROSPECT,))
    checker = httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())
    return type("Regular", (Regular,), {"checker": checker})


@pytest.mark.system
@needs("haproxy", "nginx")
async def test_replicas_restarted_in_turn_fail_no_request(
    database_url: str, services: Services, tmp_path: Path
) -> None:
    """Both proxies stand before the same two replicas, each with people of its own."""
    kind = await workers_of(services)
    env = over(database_url, TWOKEYS_DRAIN_SECONDS=DRAIN, **UNLIMITED)
    # The second has workers of its own, which share one socket.
    replicas = [Replica(env, tmp_path / "one"), Replica(env, tmp_path / "two", workers=2)]
    ledgers: list[Ledger] = []
    took: list[float] = []
    async with AsyncExitStack() as stack:
        for replica in replicas:
            stack.callback(replica.stop)
            await asyncio.to_thread(replica.start)
        proxies = [stack.enter_context(front(replicas, tmp_path)) for front in FRONTS]
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=proxy.address, timeout=PATIENCE))
            for proxy in proxies
        ]
        async with AsyncExitStack() as work:
            for proxy, api in zip(proxies, clients, strict=True):
                await asyncio.to_thread(proxy.wait)
                ledger, _ = await work.enter_async_context(at_work(api, services, people=PEOPLE, kind=kind))
                ledgers.append(ledger)
            for _ in range(ROUNDS):
                for replica in replicas:
                    await asyncio.sleep(0.5)
                    took.append(await asyncio.to_thread(replica.end))
                    await asyncio.to_thread(replica.start)
                    for proxy in proxies:
                        await asyncio.to_thread(proxy.wait)
        print(f"{len(took)} restarts under {len(proxies)} proxies, the longest end {max(took):.1f} s")
        for api, ledger in zip(clients, ledgers, strict=True):
            assert set(ledger.statuses) <= EXPECTED, ledger.statuses
            assert ledger.used
            await check(api, ledger, database_url)


@pytest.mark.system
@needs("haproxy")
async def test_replicas_that_come_back_with_other_addresses_fail_no_request(
    database_url: str, services: Services, tmp_path: Path
) -> None:
    """As compose does it: the old one has ended before the new one starts, and DNS tells of it before it listens."""
    kind = await workers_of(services)
    env = over(database_url, TWOKEYS_DRAIN_SECONDS=DRAIN, **UNLIMITED)
    name_server, port, numbers = NameServer(), free_port(), itertools.count(11)
    async with AsyncExitStack() as stack:

        async def another() -> Replica:
            number = next(numbers)
            replica = Replica(env, tmp_path / str(number), port=port, host=f"127.77.0.{number}")
            stack.callback(replica.stop)
            name_server.addresses.append(replica.host)
            await asyncio.to_thread(replica.start)
            return replica

        replicas = [await another() for _ in range(2)]
        stack.enter_context(name_server.running())
        proxy = stack.enter_context(haproxy_by_name(name_server, port, tmp_path))
        await asyncio.to_thread(proxy.wait)
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=proxy.address, timeout=PATIENCE))
        async with at_work(api, services, people=PEOPLE, kind=kind) as (ledger, _):
            for _ in range(ROUNDS):
                for old in replicas:
                    await asyncio.to_thread(old.end)
                    name_server.addresses.remove(old.host)
                    replicas = [*replicas[1:], await another()]
                    await asyncio.to_thread(proxy.wait)
        assert set(ledger.statuses) <= EXPECTED, ledger.statuses
        assert ledger.used
        await check(api, ledger, database_url)


async def test_replicas_replaced_by_others_elsewhere_fail_no_request(
    database_url: str, services: Services, tmp_path: Path
) -> None:
    """As Kubernetes does it: the new one is ready before the old one ends, and proxies hear of the end later."""
    kind = await workers_of(services)
    env = over(database_url, TWOKEYS_DRAIN_SECONDS=DRAIN, **UNLIMITED)
    endpoints, generations = Endpoints(), itertools.count()
    async with AsyncExitStack() as stack:

        async def another() -> Replica:
            replica = Replica(env, tmp_path / str(next(generations)))
            stack.callback(replica.stop)
            await asyncio.to_thread(replica.start)
            endpoints.add(replica)
            return replica

        replicas = [await another() for _ in range(2)]
        api = await stack.enter_async_context(
            httpx.AsyncClient(base_url="http://twokeys", timeout=PATIENCE, transport=endpoints)
        )
        async with at_work(api, services, people=PEOPLE, kind=kind) as (ledger, _):
            for _ in range(ROUNDS):
                for old in replicas:
                    replicas = [*replicas[1:], await another()]
                    await asyncio.gather(asyncio.to_thread(old.end), endpoints.remove_once_it_drains(old))
        assert set(ledger.statuses) <= EXPECTED, ledger.statuses
        assert ledger.used
        await check(api, ledger, database_url)


@only_long
@pytest.mark.parametrize(
    ("sleeps", "told_after"),
    [(True, 0.0), (True, 9.0), (False, 4.0)],
    ids=["told at once", "told late", "without the sleep of preStop"],
)
async def test_pods_that_a_kubelet_ends_fail_no_request(
    database_url: str, services: Services, tmp_path: Path, *, sleeps: bool, told_after: float
) -> None:
    """With the times of deploy/kubernetes: SIGTERM after preStop, and proxies that hear of it on their own time."""
    kind = await workers_of(services)
    deployment = YAML(typ="safe").load(DEPLOY / "kubernetes" / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] if sleeps else 0
    (literals,) = YAML(typ="safe").load(DEPLOY / "kubernetes" / "kustomization.yaml")["configMapGenerator"]
    drain = dict(each.split("=", 1) for each in literals["literals"])["TWOKEYS_DRAIN_SECONDS"]
    env = over(database_url, TWOKEYS_DRAIN_SECONDS=drain, **UNLIMITED)
    endpoints, replicas = Endpoints(), [Replica(env, tmp_path / str(number)) for number in range(2)]

    async def signal(old: Replica) -> None:
        await asyncio.sleep(sleep)
        await asyncio.to_thread(old.end)

    async def tell(old: Replica) -> None:
        await asyncio.sleep(told_after)
        endpoints.remove(old)

    async with AsyncExitStack() as stack:
        for replica in replicas:
            stack.callback(replica.stop)
            await asyncio.to_thread(replica.start)
            endpoints.add(replica)
        api = await stack.enter_async_context(
            httpx.AsyncClient(base_url="http://twokeys", timeout=PATIENCE, transport=endpoints)
        )
        async with at_work(api, services, people=PEOPLE, kind=kind) as (ledger, _):
            async with asyncio.timeout(pod["terminationGracePeriodSeconds"]):
                await asyncio.gather(signal(replicas[0]), tell(replicas[0]))
        assert set(ledger.statuses) <= EXPECTED, ledger.statuses
        await check(api, ledger, database_url)
