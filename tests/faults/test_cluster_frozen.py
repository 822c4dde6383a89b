"""Postgres stands still, or connections carry nothing any more: answers come all the same, and soon the right ones."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.kernel.clock import SystemClock
from app.services import Services, build_services
from tests.faults.cluster import SUPERUSER, Node, migrated_node
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.ledger import at_work, check, recovered
from tests.support.marks import PATIENCE, only_long, within
from tests.support.people import an_account, bearer, log_in, quick_settings
from tests.support.service import Process, free_port, output_of, over, running, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
ROUNDS = 5 if os.environ.get("TWOKEYS_TEST_FAULTS") else 1
TRUSTED = {"TWOKEYS_TRUSTED_PROXIES": "127.0.0.0/8"}
# A statement is given up after 5 s, and who waits behind for a connection after 3; the rest is for a slow machine.
ANSWERED_WITHIN = within(15.0)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with migrated_node() as made:
        yield made


@asynccontextmanager
async def service(url: str, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Services, Process]]:
    address = f"http://127.0.0.1:{(port := free_port())}"
    services = build_services(
        quick_settings(url),
        SystemClock(),
    )
    with running("serve", "--port", str(port), env=over(url, **TRUSTED), cwd=folder) as process:
        await asyncio.to_thread(wait_until_ready, address, process, folder)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:
            yield api, services, process
    await services.close()


async def timed(call: "asyncio.Future[httpx.Response] | asyncio.Task[httpx.Response]") -> tuple[int, float]:
    began = time.monotonic()
    answer = await call
    return answer.status_code, time.monotonic() - began


async def asked(api: httpx.AsyncClient, token: str) -> asyncio.Task[httpx.Response]:
    """A check that the service has read, since it has answered what was sent afterwards."""
    sent = asyncio.Event()

    async def trace(step: str, _: object) -> None:
        if step == "http11.send_request_body.complete":
            sent.set()

    asking = asyncio.create_task(api.get("/v1/me", headers=bearer(token), extensions={"trace": trace}))
    async with asyncio.timeout(PATIENCE):
        await sent.wait()
    assert (await api.get("/healthz")).is_success
    return asking


async def test_a_frozen_postgres_is_a_503_within_seconds_and_right_again_at_once(node: Node, tmp_path: Path) -> None:
    async with service(node.url, tmp_path) as (api, services, _):
        account = await an_account(services, "frozen@example.com")
        token = (await log_in(api, account.address)).json()["access_token"]
        async with at_work(api, services) as (ledger, _):
            for _ in range(ROUNDS):
                ended = len(ledger.dead)
                while len(ledger.dead) == ended:  # noqa: ASYNC110 - other tasks fill them
                    await asyncio.sleep(0.05)
                with node.frozen():
                    calls = [api.get("/v1/me", headers=bearer(token)) for _ in range(20)]
                    calls += [log_in(api, account.address) for _ in range(5)]
                    answers = await asyncio.gather(*(timed(asyncio.ensure_future(call)) for call in calls))
                    assert {status for status, _ in answers} == {503}
                    longest = max(took for _, took in answers)
                    assert longest < ANSWERED_WITHIN
                thawed = time.monotonic()
                while (await api.get("/v1/me", headers=bearer(token))).status_code != 200:
                    assert time.monotonic() - thawed < ANSWERED_WITHIN
                print(f"503 after {longest:.1f} s at most, a check right again after {time.monotonic() - thawed:.2f} s")
                await recovered(ledger, thawed)
        assert ledger.statuses[503] > 0
        await check(api, ledger, node.url)


@only_long
async def test_connections_that_fell_silent_are_replaced_by_the_first_that_notices(node: Node, tmp_path: Path) -> None:
    async with CuttingProxy(node.port).running() as proxy:
        url = f"postgresql://{SUPERUSER}@127.0.0.1:{proxy.port}/postgres"
        async with service(url, tmp_path) as (api, services, _):
            account = await an_account(services, "silent@example.com")
            token = (await log_in(api, account.address)).json()["access_token"]
            # So that the pool is full of connections that are about to fall silent.
            await asyncio.gather(*(log_in(api, account.address) for _ in range(20)))
            proxy.fall_silent()
            status, took = await timed(asyncio.ensure_future(api.get("/v1/me", headers=bearer(token))))
            assert status == 503
            assert took < ANSWERED_WITHIN
            began = time.monotonic()
            for _ in range(20):
                assert (await api.get("/v1/me", headers=bearer(token))).status_code == 200
            print(f"503 after {took:.1f} s, then twenty checks in {time.monotonic() - began:.2f} s")


@only_long
async def test_being_told_to_end_while_postgres_stands_still_is_no_failure(node: Node, tmp_path: Path) -> None:
    async with service(node.url, tmp_path) as (api, services, served):
        account = await an_account(services, "ending@example.com")
        token = (await log_in(api, account.address)).json()["access_token"]
        await asyncio.gather(*(log_in(api, account.address) for _ in range(20)))
        with node.frozen():
            asking = await asked(api, token)
            served.send_signal(signal.SIGTERM)
            assert (await asking).status_code == 503
            assert await asyncio.to_thread(served.wait, ANSWERED_WITHIN) == 0, output_of(tmp_path)
