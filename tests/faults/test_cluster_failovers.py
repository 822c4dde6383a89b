"""Patroni makes another Postgres the primary, for each kind of reason: nothing acknowledged is lost or undone."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.database.migrations import migrate
from app.kernel.refusal import Unavailable
from tests.faults.account_state import AccountState, account_state, unexplained
from tests.faults.acts import ACTS, Act, Scene
from tests.faults.ledger import RECOVERED_WITHIN, Ledger, Steady, at_work, check, recovered
from tests.faults.patroni import Cluster, cluster, impossible
from tests.faults.patroni_machine import Machine
from tests.support.marks import LONG, PATIENCE
from tests.support.people import quick_settings
from tests.support.processes import Processes, processes

FAILOVERS = 50 if "TWOKEYS_TEST_FAULTS" in os.environ else 2 if LONG else 0
_skipped = impossible() if FAILOVERS else "takes minutes; run make test-faults"
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.faults,
    pytest.mark.system,
    pytest.mark.skipif(bool(_skipped), reason=_skipped or "possible"),
]
ACTS_EACH = 3
# One more than these in a row would lock the account, and a locked account says nothing about a code.
_CODES_TRIED = 4


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@asynccontextmanager
async def switched_over(primary: Machine) -> AsyncIterator[None]:
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.post(f"http://{primary.address}:8008/switchover", json={"leader": primary.name})
    assert answer.is_success, answer.text
    yield


@asynccontextmanager
async def postgres_killed(primary: Machine) -> AsyncIterator[None]:
    primary.kill_postgres()
    yield


@asynccontextmanager
async def patroni_killed(primary: Machine) -> AsyncIterator[None]:
    """Its Postgres goes on, and takes itself for the primary until Patroni is back."""
    primary.kill_patroni()
    yield
    primary.start_patroni()


@asynccontextmanager
async def cut_off(primary: Machine) -> AsyncIterator[None]:
    with primary.cut_off():
        yield


@asynccontextmanager
async def parted(primary: Machine) -> AsyncIterator[None]:
    """We reach it, and no other machine does: its commits wait for a standby that won't answer."""
    with primary.parted():
        yield


@asynccontextmanager
async def frozen(primary: Machine) -> AsyncIterator[None]:
    with primary.frozen():
        yield


Fault = Callable[[Machine], AbstractAsyncContextManager[None]]
FAULTS: list[Fault] = [parted, postgres_killed, cut_off, switched_over, frozen, patroni_killed]


@dataclass(frozen=True)
class Done:
    """An act that was acknowledged, and what was true then."""

    act: Act
    scene: Scene
    at: datetime
    state: AccountState
    alive: list[bool]


async def done(service: Processes, acts: Iterable[Act]) -> list[Done]:
    """The states are read when all is done: to prepare one act may answer the wish that another one left."""
    played: list[tuple[Act, Scene, datetime]] = []
    for act in acts:
        scene = await act.prepare(service)
        answer = await scene.play(service)
        assert answer.status_code == act.done, answer.text
        played.append((act, scene, service.clock.at))
    return [
        Done(act, scene, at, await account_state(service, scene.person), await alive(service, scene))
        for act, scene, at in played
    ]


async def alive(service: Processes, scene: Scene) -> list[bool]:
    return [await service.alive(token) for token in scene.watched]


async def still_done(service: Processes, before: Done) -> None:
    assert await account_state(service, before.scene.person) == before.state, f"{before.act} is not what it was"
    assert await alive(service, before.scene) == before.alive, f"{before.act}: a token changed its mind"
    # At the time of its code, which is refused for having been used and for nothing else.
    service.clock.set(before.at)
    repeated = await before.scene.play(service)
    assert repeated.status_code == before.act.again, f"{before.act}: {repeated.text}"


async def answering(service: Processes) -> None:
    """The pools of both processes and of this one have noticed."""

    async def of_ours() -> bool:
        try:
            async with service.services.database.autocommit() as connection:
                return bool(await connection.scalar(text("SELECT NOT pg_is_in_recovery()")))
        except Unavailable:
            return False

    async def of(client: httpx.AsyncClient) -> bool:
        return (await client.get("/readyz")).is_success

    async def until(asks: Callable[[], Awaitable[bool]]) -> None:
        while not await asks():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.05)

    async with asyncio.timeout(PATIENCE):
        await until(of_ours)
        for client in service.clients:
            await until(lambda client=client: of(client))  # type: ignore[misc]


async def fail_over(
    machines: Cluster,
    service: Processes,
    fault: Fault,
    acts: Iterable[Act],
) -> tuple[Ledger, float, float]:
    """Returns also the seconds without a primary, and those from the promotion to the first success."""
    before = await done(service, acts)
    primary = await machines.primary()
    async with (
        at_work(service.clients[0], service.services, kind=Steady) as (ledger, _),
        at_work(service.clients[1], service.services, kind=Steady) as (other, _),
    ):
        while not (ledger.dead and other.dead):  # noqa: ASYNC110 - other tasks fill them
            await asyncio.sleep(0.05)
        broken = time.monotonic()
        async with fault(primary):
            await machines.primary(other_than=primary)
            promoted = time.monotonic()
            took = max([await recovered(each, promoted, give_up=PATIENCE) for each in (ledger, other)])
        # The old primary comes back, as a standby, while people work.
        await machines.whole()
    await answering(service)
    now = service.clock.at
    for act in before:
        await still_done(service, act)
    service.clock.set(now)
    for number, each in enumerate((ledger, other)):
        assert each.dead
        assert each.used
        each.used[:] = _newest(each.used)
        await check(service.clients[number], each, machines.url)
    ledger.dead |= other.dead
    ledger.live |= other.live
    ledger.statuses += other.statuses
    return ledger, promoted - broken, took


def _newest(used: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of each person the codes that were used last, and few enough that trying them locks nobody out."""
    by_person: dict[str, list[tuple[str, str]]] = {}
    for email, code in used:
        by_person.setdefault(email, []).append((email, code))
    return [each for codes in by_person.values() for each in codes[-_CODES_TRIED:]]


async def test_failovers_take_nothing_back(machines: Cluster, tmp_path: Path) -> None:
    await machines.whole()
    await migrate(machines.url)
    statuses: Counter[int | str] = Counter()
    dead: list[str] = []
    slow: list[str] = []
    acts, faults = cycle(ACTS), cycle(FAULTS)
    async with processes(machines.url, tmp_path, quick_settings(machines.url)) as service:
        for number in range(FAILOVERS):
            fault = next(faults)
            ledger, without, took = await fail_over(machines, service, fault, islice(acts, ACTS_EACH))
            statuses += ledger.statuses
            dead += list(ledger.dead)[:20]
            # Shown by `pytest -rP`, for docs/evidence/reliability.md.
            load = f"load {os.getloadavg()[0]:.0f}"
            print(f"{number + 1} {fault.__name__}: {without:.1f} s to the promotion, {took:.1f} s to a success, {load}")
            if took > RECOVERED_WITHIN:
                slow.append(f"{number + 1} {fault.__name__}: {took:.1f} s, {load}")
        assert not [token for token in dead if await service.alive(token)], "a token of long ago rose again"
        assert await unexplained(service) == []
        print(f"{FAILOVERS} failovers, {statuses.total()} requests {dict(statuses)}")
    assert slow == []
