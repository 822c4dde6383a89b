"""Postgres ends under load, and comes back or is replaced: nothing acknowledged is lost, nothing ended lives again."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from sqlalchemy import text

from app.database.engine import Database
from app.database.migrations import migrate
from app.kernel.clock import SystemClock
from app.services import Services, build_services
from tests.faults.cluster import SUPERUSER, Node, migrated_node, nodes
from tests.faults.following import LOCAL, LOCAL_ENVIRONMENT, following
from tests.faults.ledger import at_work, check, recovered, somewhere
from tests.support.marks import PATIENCE, within
from tests.support.people import PASSWORD, an_account, bearer, log_in, quick_settings
from tests.support.service import free_port, over, running, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
ROUNDS = 5 if os.environ.get("TWOKEYS_TEST_FAULTS") else 1
_LOOKS = 200
TRUSTED = {"TWOKEYS_TRUSTED_PROXIES": "127.0.0.0/8"} | LOCAL_ENVIRONMENT


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with migrated_node() as made:
        yield made


@asynccontextmanager
async def service(url: str, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    """`twokeys serve` as a process, and the services to create accounts with."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    services = build_services(
        quick_settings(url, **LOCAL),
        SystemClock(),
    )
    with running("serve", "--port", str(port), env=over(url, **TRUSTED), cwd=folder) as process:
        wait_until_ready(address, process, folder)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:
            yield api, services
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    await services.close()


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT], ids=["immediate", "fast"])
async def test_a_restart_under_load_loses_nothing(node: Node, tmp_path: Path, how: signal.Signals) -> None:
    async with service(node.url, tmp_path) as (api, services):
        async with at_work(api, services) as (ledger, _):
            for _ in range(ROUNDS):
                await asyncio.sleep(1)
                node.stop(how)
                await asyncio.sleep(0.5)
                node.start()
                await recovered(ledger, time.monotonic())
                await asyncio.sleep(0.5)
        assert ledger.statuses[503] > 0
        await check(api, ledger, node.url)


async def test_a_lock_held_by_a_silent_peer_is_a_503_and_no_hang(node: Node, tmp_path: Path) -> None:
    async with service(node.url, tmp_path) as (api, services):
        account = await an_account(services, "held@example.com")
        other = await an_account(services, "free@example.com")
        peer = await asyncpg.connect(node.url)
        try:
            async with peer.transaction():
                await peer.execute("SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE", account.id)
                began = time.monotonic()
                held, free = await asyncio.gather(log_in(api, account.address), log_in(api, other.address))
                assert (held.status_code, held.json()["code"]) == (503, "unavailable")
                assert time.monotonic() - began < within(6)
                assert free.status_code == 200
        finally:
            await peer.close()
        assert (await log_in(api, account.address)).status_code == 200


async def test_a_read_only_database_answers_questions_and_refuses_log_ins(node: Node, tmp_path: Path) -> None:
    async with service(node.url, tmp_path) as (api, services):
        account = await an_account(services, "reader@example.com")
        token = (await log_in(api, account.address)).json()["access_token"]
        peer = await asyncpg.connect(node.url)
        try:
            await peer.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            await peer.execute("SELECT pg_reload_conf()")
            await asyncio.sleep(0.3)
            refused = await log_in(api, account.address)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert (await api.get("/v1/me", headers=bearer(token))).status_code == 200
            assert (await api.get("/v1/me/tokens", headers=bearer(token))).status_code == 200
        finally:
            await peer.execute("SET default_transaction_read_only = off")
            await peer.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await peer.execute("SELECT pg_reload_conf()")
            await peer.close()
        await asyncio.sleep(0.3)
        assert (await log_in(api, account.address)).status_code == 200


async def test_every_connection_taken_is_a_503_within_seconds(node: Node, tmp_path: Path) -> None:
    async with service(node.url, tmp_path) as (api, services):
        account = await an_account(services, "crowded@example.com")
        peer = await asyncpg.connect(node.url)
        try:
            async with peer.transaction():
                await peer.execute("SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE", account.id)
                began = time.monotonic()
                body = {"email": account.address, "password": PASSWORD}
                crowd = [api.post("/v1/login", json=body, headers=somewhere()) for _ in range(30)]
                answers = await asyncio.gather(*crowd)
                assert {answer.status_code for answer in answers} == {503}
                assert time.monotonic() - began < within(10)
        finally:
            await peer.close()
        assert (await log_in(api, account.address)).status_code == 200


async def test_a_synchronous_standby_takes_over_and_no_token_and_no_event_is_forgotten(tmp_path: Path) -> None:
    with nodes(2) as [primary, standby]:
        primary.initialise()
        primary.start()
        standby.follow(primary, "standby")
        standby.start()
        await migrate(primary.url)
        await _replicate_synchronously(primary)
        both = f"{primary.host},{standby.host}"
        url = f"postgresql://{SUPERUSER}@{both}/postgres?target_session_attrs=read-write"
        async with service(url, tmp_path) as (api, services), following(services) as follower:
            async with at_work(api, services) as (ledger, _):
                await asyncio.sleep(1.5)
                primary.stop(signal.SIGQUIT)
                died = time.monotonic()
                standby.promote()
                await recovered(ledger, time.monotonic())
                assert time.monotonic() - died < within(10)
                await asyncio.sleep(1)
            assert ledger.dead
            assert ledger.used
            await check(api, ledger, standby.url)
            await follower.check(standby.url)


async def test_a_commit_that_no_standby_confirmed_is_seen_by_nobody() -> None:
    """A cancelled one would be done on this server alone, and undone by a failover after somebody relied on it."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with nodes(1) as [primary]:
        primary.settings["synchronous_standby_names"] = "nobody"
        primary.initialise()
        primary.start()
        peer = await asyncpg.connect(primary.url, server_settings={"synchronous_commit": "local"})
        database = Database(primary.url)

        async def write() -> None:
            async with database.transaction() as connection:
                await connection.execute(text("INSERT INTO written VALUES (1)"))

        try:
            await peer.execute("CREATE TABLE written (number int)")
            writing = asyncio.create_task(write())
            async with asyncio.timeout(PATIENCE):
                while not await peer.fetchval(waiting):  # noqa: ASYNC110 - the database has no event
                    await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait([writing])
            await database.close()
            seen = [await peer.fetchval("SELECT count(*) FROM written") for _ in range(_LOOKS)]
            assert seen == [0] * _LOOKS
            assert await peer.fetchval(waiting) == 1
        finally:
            await peer.close()


async def _replicate_synchronously(primary: Node) -> None:
    """Said after the copy was made: once promoted, the standby must not wait for a standby of its own."""
    connection = await asyncpg.connect(primary.url)
    try:
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        await connection.execute("SELECT pg_reload_conf()")
        for _ in range(100):
            if await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the standby does not follow")
    finally:
        await connection.close()
