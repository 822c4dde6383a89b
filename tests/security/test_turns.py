"""One account, even with the right password, leaves the hash queue to others."""

import asyncio
from collections import Counter
from uuid import UUID

import httpx
import pytest

from app.kernel.randomness import new_id
from app.kernel.refusal import Overloaded
from app.security.hasher import Hasher
from app.services import Services
from tests.conftest import SetClock
from tests.support.marks import PATIENCE, given_settings
from tests.support.people import PASSWORD, a_session, an_account, bearer, enroll, log_in

pytestmark = pytest.mark.anyio


@given_settings(hash_threads=1, hash_queue=8, argon2_memory_kib=4096, argon2_time_cost=3)
async def test_an_account_that_asks_without_end_fills_no_queue(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await an_account(services, "bob@example.com")
    device = await enroll(api, await a_session(api), clock.now())

    async def replace() -> int:
        path = "/v1/me/2fa/recovery-codes"
        return (await api.post(path, json={"password": PASSWORD}, headers=bearer(device.token))).status_code

    flood = [asyncio.create_task(replace()) for _ in range(40)]
    strangers = [await log_in(api, "bob@example.com") for _ in range(5)]

    assert [answer.status_code for answer in strangers] == [200] * 5
    assert Counter(await asyncio.gather(*flood)) == {201: 40}


async def test_a_few_of_one_account_run_at_once_and_others_beside_them(services: Services) -> None:
    hasher, mine, other = services.hasher, new_id(), new_id()
    go, inside = asyncio.Event(), Counter[UUID]()

    async def act(account: UUID) -> None:
        async with hasher.turn(account):
            inside[account] += 1
            await go.wait()

    acts = [asyncio.create_task(act(account)) for account in [mine] * 10 + [other]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert inside == {mine: 4, other: 1}
    go.set()
    await asyncio.gather(*acts)
    assert inside == {mine: 10, other: 1}
    assert not hasher._lines


async def test_a_line_that_is_too_long_is_refused_and_one_that_goes_away_leaves_it(services: Services) -> None:
    hasher, mine = services.hasher, new_id()
    held = [hasher.turn(mine) for _ in range(4)]
    for turn in held:
        await turn.__aenter__()
    waiting = [asyncio.create_task(enter(hasher, mine)) for _ in range(60)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        async with asyncio.timeout(PATIENCE):
            await enter(hasher, mine)

    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for turn in held:
        await turn.__aexit__(None, None, None)

    await enter(hasher, mine)
    assert not hasher._lines


async def enter(hasher: Hasher, account: UUID) -> None:
    async with hasher.turn(account):
        pass
