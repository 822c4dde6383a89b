"""A flood of log-ins from many addresses: what is too much is told so at once, and nobody else notices."""

import asyncio
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from app.clients.domain import Role
from app.kernel.clock import SystemClock
from app.services import Services, build_services
from app.settings import Settings
from tests.faults.ledger import somewhere
from tests.support.marks import PATIENCE, within
from tests.support.people import EMAIL, PASSWORD, an_account
from tests.support.service import free_port, output_of, over, running, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
LONG = bool(os.environ.get("TWOKEYS_TEST_FAULTS"))
LOG_INS = 100_000 if LONG else 1_500
CONNECTIONS = [50, 200] if LONG else [50]
THREADS, QUEUE = 2, 16
MOST_MEMORY = 200 * 2**20
RECOVERED_WITHIN = within(30.0)


@dataclass
class Flooded:
    """What came of a flood, as its clients saw it."""

    statuses: dict[str, int]
    seconds: dict[str, list[float]]
    impolite: int


async def flood(port: int, log_ins: int, connections: int) -> Flooded:
    """From a process of its own, so that what is watched here meanwhile waits for the service alone."""
    arguments = (str(port), str(log_ins), str(connections))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.flood", *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return Flooded(**json.loads(output))


@dataclass
class Watch:
    """What others see meanwhile: checks of a live token, and the memory of the process."""

    api: httpx.AsyncClient
    token: str
    checker: httpx.BasicAuth
    process: psutil.Process
    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    memory: int = 0

    async def look(self) -> None:
        began = time.perf_counter()
        answer = await self.api.post("/v1/introspect", data={"token": self.token}, auth=self.checker)
        self.seconds.append(time.perf_counter() - began)
        if answer.status_code != 200 or not answer.json()["active"]:
            self.failed.append(f"{answer.status_code} {answer.text}")
        self.memory = max(self.memory, self.process.memory_info().rss)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        async def go_on() -> None:
            while True:
                await self.look()
                await asyncio.sleep(0.02)

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    services = build_services(settings, SystemClock())
    yield services
    await services.close()


def percentiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered) * 1000:.1f} ms, p99 {ordered[len(ordered) * 99 // 100] * 1000:.1f} ms"


async def test_no_refusal_waits_for_a_thread(api: httpx.AsyncClient) -> None:
    before = set(threading.enumerate())
    unknown = await api.get("/v1/nowhere")
    malformed = await api.post("/v1/login", json={})
    nobody = await api.get("/v1/me")
    address = await api.post("/v1/login", json={"email": "@", "password": PASSWORD})
    assert [answer.status_code for answer in (unknown, malformed, nobody, address)] == [404, 422, 401, 422]
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("connections", CONNECTIONS)
async def test_a_flood_of_log_ins_is_shed_and_hurts_nobody_else(
    database_url: str, services: Services, tmp_path: Path, connections: int
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = over(
        database_url,
        TWOKEYS_TRUSTED_PROXIES="127.0.0.0/8",
        TWOKEYS_ARGON2_MEMORY_KIB="19456",
        TWOKEYS_ARGON2_TIME_COST="2",
        TWOKEYS_HASH_THREADS=str(THREADS),
        TWOKEYS_HASH_QUEUE=str(QUEUE),
        TWOKEYS_METRICS="true",
    )
    await an_account(services)
    made = await services.clients.create("checker", (Role.INTROSPECT,))
    checker = httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())
    with running("serve", "--port", str(port), env=env, cwd=tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, address, process, tmp_path)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:

            async def log_in() -> httpx.Response:
                return await api.post("/v1/login", json={"email": EMAIL, "password": PASSWORD}, headers=somewhere())

            token = (await log_in()).json()["access_token"]
            watch = Watch(api, token, checker, psutil.Process(process.pid))
            # Both threads have hashed, and keep the memory of it, and the pool is open, before anything is measured.
            await asyncio.gather(*(log_in() for _ in range(THREADS + QUEUE)))
            for _ in range(50):
                await watch.look()
            calm, before, watch.seconds = percentiles(watch.seconds), watch.memory, []
            began = time.monotonic()
            async with watch.looking():
                flooded = await flood(port, LOG_INS, connections)
            ended = time.monotonic()
            while (await log_in()).status_code != 200:
                assert time.monotonic() - ended < RECOVERED_WITHIN
                await asyncio.sleep(0.05)
            recovered = time.monotonic() - ended
            metrics = (await api.get("/metrics")).text
    served = [json.loads(line) for line in output_of(tmp_path).splitlines() if '"/v1/login"' in line]
    inside = [line["ms"] / 1000 for line in served if line["status"] == 503]
    print(
        f"{sum(flooded.statuses.values())} log-ins {flooded.statuses} over {connections} connections in"
        f" {ended - began:.1f} s; shed, for the client: {percentiles(flooded.seconds['503'])}, inside:"
        f" {percentiles(inside)}; {len(watch.seconds)} checks, {len(watch.failed)} failed, {percentiles(watch.seconds)}"
        f" (calm: {calm}); memory {before >> 20} MiB, at most {watch.memory >> 20} MiB; log-in after {recovered:.2f} s"
    )
    assert set(flooded.statuses) == {"401", "503"}
    assert flooded.impolite == 0
    assert watch.failed == []
    assert statistics.median(inside) < 2
    assert watch.memory - before < MOST_MEMORY
    assert "twokeys_hash_queue_depth 0.0" in metrics
    # What was shed was counted nowhere: whoever was looked at has one row, until it is swept where nothing was wrong.
    connection = await asyncpg.connect(database_url)
    looked_at = await connection.fetchval("SELECT count(*) FROM password_attempts")
    await connection.close()
    right = sum(line["status"] == 200 for line in served)
    refused = flooded.statuses["401"]
    assert refused <= looked_at <= refused + right
