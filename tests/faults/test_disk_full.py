"""The disk is full, of Postgres, of `make run` or of the workers' counters: freed space is all that it takes."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from app.database.migrations import migrate
from app.kernel.clock import SystemClock
from app.observability.metrics import FILE_BYTES
from app.services import Services, build_services
from app.settings import Settings
from tests.faults.cluster import SUPERUSER, Node, nodes
from tests.faults.ledger import at_work, check, recovered
from tests.faults.small_disk import SmallDisk, small_disk, why_not
from tests.imports.lines import ndjson
from tests.imports.moving import BATCH, Moving
from tests.support.marks import PATIENCE
from tests.support.people import KEY, a_session, an_account, bearer, log_in
from tests.support.service import (
    Process,
    environment,
    free_port,
    output_of,
    over,
    running,
    twokeys,
    wait_until_ready,
    workers_of,
)

FULL = bool(os.environ.get("TWOKEYS_TEST_FAULTS"))
_WITHIN = PATIENCE
needs_a_small_disk = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one")
pytestmark = [pytest.mark.anyio, pytest.mark.faults]


@pytest.fixture(params=["data"])
def small(request: pytest.FixtureRequest) -> Iterator[tuple[Node, SmallDisk]]:
    """A server that has a small disk for its data, or for its write-ahead log, and a large one for the rest."""
    with nodes(1) as [node]:
        places = {"data": node.data, "log": node.folder / "log-ahead"}
        for place in places.values():
            place.mkdir()
        with small_disk(places[request.param], megabytes=40) as disk:
            for place in places.values():
                # Postgres wants it closed to others.
                place.chmod(0o700)
                node.user.take(place)
            fixed = ("--locale=C", "--encoding=UTF8", "--auth=trust", "--no-sync", "--no-instructions")
            where = (f"--pgdata={node.data}", f"--waldir={places['log']}", "--wal-segsize=1")
            done = node.user.run(node.programs / "initdb", *where, f"--username={SUPERUSER}", *fixed)
            assert done.returncode == 0, done.stdout
            node.settings |= {"min_wal_size": "2MB"}
            node.start()
            asyncio.run(migrate(node.url))
            yield node, disk
            node.stop()


@asynccontextmanager
async def service(url: str, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Services]]:
    address = f"http://127.0.0.1:{(port := free_port())}"
    cheap = {"argon2_memory_kib": 1024, "argon2_time_cost": 1}
    settings = Settings.model_validate({"database_url": url, "secret_keys": (SecretStr(KEY),)} | cheap)
    services = build_services(settings, SystemClock())
    env = over(url, TWOKEYS_TRUSTED_PROXIES="127.0.0.0/8")
    with running("serve", "--port", str(port), env=env, cwd=folder) as process:
        await asyncio.to_thread(wait_until_ready, address, process, folder)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:
            yield api, services
    await services.close()


async def write_much(url: str) -> None:
    """Some megabytes of write-ahead log; more than there is space for, so this ends with an error."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 50000)")
    finally:
        await connection.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_WITHIN):
        while not condition():  # noqa: ASYNC110 - another program has no event
            await asyncio.sleep(0.05)


@needs_a_small_disk
async def test_a_full_disk_is_a_503_until_there_is_room(small: tuple[Node, SmallDisk], tmp_path: Path) -> None:
    node, disk = small
    async with service(node.url, tmp_path) as (api, services):
        account = await an_account(services, "reader@example.com")
        token = await a_session(api, account.address)
        async with at_work(api, services) as (ledger, _):
            await until(lambda: ledger.statuses[200] > 0)
            disk.fill()
            await until(lambda: ledger.statuses[503] >= 20)
            # What needs no space is answered all the while.
            assert (await api.get("/v1/me", headers=bearer(token))).status_code == 200
            assert (await api.get("/readyz")).status_code == 200
            disk.free()
            await recovered(ledger, time.monotonic())
        assert "DiskFull" in output_of(tmp_path)
        await check(api, ledger, node.url)
        assert (await log_in(api, account.address)).status_code == 200


@needs_a_small_disk
async def test_an_import_refuses_lines_while_the_disk_is_full_and_a_repeat_makes_them(
    small: tuple[Node, SmallDisk], tmp_path: Path
) -> None:
    node, disk = small
    moving = Moving(node.url, tmp_path)
    async with moving.fed("--wait", "0") as feeding:
        assert {each["result"] for each in await feeding.batch()} == {"created"}
        disk.fill()
        refused = await feeding.batch()
        disk.free()
        assert {each["result"] for each in await feeding.batch()} == {"created"}
        assert (await feeding.end())[0] == 1
    assert {(each["result"], each["problems"][0]["code"]) for each in refused} == {("refused", "unavailable")}
    file = tmp_path / "people.ndjson"
    file.write_bytes(ndjson(*feeding.lines))
    assert await moving.results(file) == (0, {"unchanged": 2 * BATCH, "created": BATCH})


@needs_a_small_disk
@pytest.mark.skipif(not FULL, reason="the long form: make test-faults")
@pytest.mark.parametrize("small", ["log"], indirect=True)
async def test_no_room_for_the_write_ahead_log_ends_postgres_and_nothing_more(
    small: tuple[Node, SmallDisk], tmp_path: Path
) -> None:
    """Postgres gives up there, and goes on where it was once somebody has freed space and started it."""
    node, disk = small
    async with service(node.url, tmp_path) as (api, services):
        async with at_work(api, services) as (ledger, _):
            await until(lambda: ledger.statuses[200] > 0)
            disk.fill()
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await write_much(node.url)
            await until(lambda: node.child is None or node.child.poll() is not None)
            assert "No space left on device" in node.log
            refused = ledger.statuses[503]
            await until(lambda: ledger.statuses[503] >= refused + 20)
            disk.free()
            node.start()
            await recovered(ledger, time.monotonic())
        await check(api, ledger, node.url)


@needs_a_small_disk
@pytest.mark.parametrize("megabytes", [1, 20, 38] if FULL else [20])
def test_make_run_on_a_full_disk_says_so_in_one_line(tmp_path: Path, megabytes: int) -> None:
    """Too small for the log of what `initdb` begins with, for what it makes, and for the start of it."""
    # Postgres runs as somebody else, who cannot pass through pytest's folder.
    with TemporaryDirectory(prefix="twokeys-small-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        with small_disk(Path(folder), megabytes=megabytes):
            where = ("--data", f"{folder}/kept", "--port", str(free_port()))
            done = twokeys("dev", *where, env=environment(), cwd=tmp_path)
    assert done.returncode == 1
    assert "no space left on device" in done.stderr.lower()
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


_ROUTES = tuple(json.loads((Path(__file__).resolve().parents[2] / "openapi" / "openapi.json").read_text())["paths"])
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND")


@contextmanager
def two_workers(database_url: str, counters: Path, cwd: Path) -> Iterator[tuple[httpx.Client, Process]]:
    address = f"http://127.0.0.1:{(port := free_port())}"
    env = over(database_url, TWOKEYS_METRICS="true", TMPDIR=str(counters))
    with running("serve", "--port", str(port), "--workers", "2", env=env, cwd=cwd) as process:
        wait_until_ready(address, process, cwd)
        # Each request on a connection of its own, so that both workers get some.
        with httpx.Client(base_url=address, headers={"Connection": "close"}, timeout=PATIENCE) as api:
            yield api, process
        process.terminate()
        assert process.wait(PATIENCE) == 0


def counted(api: httpx.Client, route: str) -> float:
    lines = api.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("twokeys_requests_total{") and f'"{route}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


@needs_a_small_disk
def test_workers_count_on_where_the_disk_of_their_counters_is_full(database_url: str, tmp_path: Path) -> None:
    (counters := tmp_path / "counters").mkdir()
    with (
        small_disk(counters, megabytes=8) as disk,
        two_workers(database_url, counters, tmp_path) as (api, process),
    ):
        # Both have reserved their space.
        wait_for(lambda: sizes_of(counters) == sorted([*FILE_BYTES.values()] * 2))
        disk.fill()
        at_first = set(workers_of(process))
        for route in _ROUTES:
            for method in _METHODS:
                assert api.request(method, route).status_code < 500, (method, route)
        assert counted(api, "/v1/me") == len(_METHODS)
        assert set(workers_of(process)) == at_first
        # What all routes and methods need was there from the beginning.
        assert sizes_of(counters) == sorted([*FILE_BYTES.values()] * 2)

        os.kill(next(iter(at_first)), signal.SIGKILL)
        wait_for(lambda: bool(set(workers_of(process)) - at_first))
        assert api.get("/readyz").status_code == 200
        assert output_of(tmp_path).count("worker_died") == 1


@needs_a_small_disk
def test_workers_that_find_no_room_for_their_counters_serve_and_say_so(database_url: str, tmp_path: Path) -> None:
    (counters := tmp_path / "counters").mkdir()
    with small_disk(counters, megabytes=1), two_workers(database_url, counters, tmp_path) as (api, _):
        assert {api.get("/v1/me").status_code for _ in range(20)} == {401}
        assert api.get("/metrics").status_code == 200
        assert list(counters.glob("*/*.db")) == []
    result = output_of(tmp_path)
    assert "metrics_not_shared" in result
    assert "No space left on device" in result
    assert "worker_died" not in result


def sizes_of(counters: Path) -> list[int]:
    return sorted(file.stat().st_size for file in counters.glob("*/*.db"))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
