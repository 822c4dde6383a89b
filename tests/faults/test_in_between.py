"""What ends between the caller and Postgres: a process, a connection in its COMMIT; and pgbouncer, that shares them."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.kernel.clock import SystemClock
from app.services import Services, build_services
from app.settings import Settings
from tests.faults.cluster import SUPERUSER, Node, nodes
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.following import LOCAL, LOCAL_ENVIRONMENT, following
from tests.faults.ledger import at_work, check, somewhere
from tests.support.marks import PATIENCE, needs
from tests.support.people import PASSWORD, a_session, an_account, bearer, enroll
from tests.support.service import Process, free_port, over, running, twokeys, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
ROUNDS = 10 if os.environ.get("TWOKEYS_TEST_FAULTS") else 2
TRUSTED = {"TWOKEYS_TRUSTED_PROXIES": "127.0.0.0/8"} | LOCAL_ENVIRONMENT


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    services = build_services(settings, SystemClock())
    yield services
    await services.close()


@asynccontextmanager
async def served(env: dict[str, str], folder: Path, port: int) -> AsyncIterator[Process]:
    with running("serve", "--port", str(port), env=env, cwd=folder) as process:
        await asyncio.to_thread(wait_until_ready, f"http://127.0.0.1:{port}", process, folder)
        yield process


async def test_a_process_killed_at_random_loses_nothing(database_url: str, services: Services, tmp_path: Path) -> None:
    port = free_port()
    env = over(database_url, **TRUSTED)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as api:
        async with served(env, tmp_path, port) as first, at_work(api, services, drops=True) as (ledger, _):
            await asyncio.sleep(1)
            first.kill()
            for number in range(ROUNDS):
                async with served(env, tmp_path, port) as next_one:
                    await asyncio.sleep(0.5 + 0.137 * number)
                    next_one.kill()
        async with served(env, tmp_path, port):
            assert ledger.dead
            await check(api, ledger, database_url)


async def test_sigterm_under_load_breaks_no_request_off(database_url: str, services: Services, tmp_path: Path) -> None:
    port, env = free_port(), over(database_url, **TRUSTED)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as api:
        async with served(env, tmp_path, port) as process, at_work(api, services, drops=True) as (ledger, _):
            await asyncio.sleep(1)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, 10) == 0
        # Whoever comes after the end finds nobody there; whoever was being answered got the answer.
        broken = {kind for kind in ledger.statuses if isinstance(kind, str)}
        assert broken <= {"ConnectError", "RemoteProtocolError", "ReadError"}
        async with served(env, tmp_path, port):
            await check(api, ledger, database_url)


async def test_a_commit_that_nobody_heard_back_from_is_a_503_and_safe_to_repeat(tmp_path: Path) -> None:
    with _migrated_node() as node:
        async with CuttingProxy(node.port).running() as proxy:
            url = f"postgresql://{SUPERUSER}@127.0.0.1:{proxy.port}/postgres"
            port = free_port()
            services = build_services(_settings(url), SystemClock())
            async with (
                served(over(url, TWOKEYS_RUN_WORKER="false", **TRUSTED), tmp_path, port),
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as api,
            ):
                account = await an_account(services)
                enrolled = await enroll(api, await a_session(api), SystemClock().now())
                body = {"email": account.address, "password": PASSWORD, "code": enrolled.recovery_codes[0]}
                proxy.armed = True
                unknown = await api.post("/v1/login", json=body, headers=somewhere())
                assert proxy.cuts == 1
                assert (unknown.status_code, unknown.json()["code"]) == (503, "unavailable")
                assert "retry-after" in unknown.headers
                # It was done, as it happens: so the code is used up, and asking again gets no second session.
                assert (await api.post("/v1/login", json=body, headers=somewhere())).status_code == 401
                fresh = body | {"code": enrolled.recovery_codes[1]}
                assert (await api.post("/v1/login", json=fresh, headers=somewhere())).status_code == 200
                # Ending a token twice ends it once.
                proxy.armed = True
                token = enrolled.token
                assert (await api.post("/v1/logout", headers=bearer(token))).status_code == 503
                assert (await api.post("/v1/logout", headers=bearer(token))).status_code == 401
            await services.close()


@pytest.mark.system
@needs("pgbouncer")
async def test_everything_works_through_pgbouncer_in_transaction_mode(tmp_path: Path) -> None:
    with _migrated_node() as node, _pgbouncer(node) as bouncer_port:
        url = f"postgresql://{SUPERUSER}@127.0.0.1:{bouncer_port}/postgres"
        port = free_port()
        services = build_services(_settings(url, pgbouncer=True, **LOCAL), SystemClock())
        async with (
            served(over(url, TWOKEYS_PGBOUNCER="true", **TRUSTED), tmp_path, port),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as api,
            following(services) as follower,
        ):
            async with at_work(api, services, people=8) as (ledger, _):
                await asyncio.sleep(3)
            assert ledger.statuses[503] == 0
            assert ledger.used
            await check(api, ledger, node.url)
            await follower.check(node.url)
        await services.close()


def _settings(url: str, **more: Any) -> Settings:
    params = {"database_url": url, "secret_keys": (_key(),), "argon2_memory_kib": 1024, "argon2_time_cost": 1}
    return Settings.model_validate(params | more)


def _key() -> str:
    return over("")["TWOKEYS_SECRET_KEYS"]


@contextmanager
def _migrated_node() -> Iterator[Node]:
    with nodes(1) as [node]:
        node.initialise()
        node.start()
        done = twokeys("migrate", env=over(node.url), cwd=Path(__file__).parent)
        assert done.returncode == 0, done.stderr
        yield node


@contextmanager
def _pgbouncer(node: Node) -> Iterator[int]:
    """Two server connections for everybody, so that statements of one caller do meet different ones."""
    port = free_port()
    users = node.folder / "users.txt"
    users.write_text(f'"{SUPERUSER}" ""\n')
    config = node.folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={node.port} dbname=postgres user={SUPERUSER}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\ndefault_pool_size = 4\n"
    )
    process = node.user.spawn([Path(shutil.which("pgbouncer") or ""), config], subprocess.DEVNULL, 2)
    try:
        deadline = time.monotonic() + PATIENCE
        while node.user.run(node.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port)).returncode:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.mark.system
@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="needs pgbouncer")
def test_pgbouncer_without_its_setting_is_hinted_at(tmp_path: Path) -> None:
    with _migrated_node() as node, _pgbouncer(node) as bouncer_port:
        url = f"postgresql://{SUPERUSER}@127.0.0.1:{bouncer_port}/postgres"
        done = twokeys("serve", "--port", str(free_port()), env=over(url), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "set TWOKEYS_PGBOUNCER=true" in done.stderr
