"""The count of who has a second factor: exact while accounts are few, and some minutes old once there are many."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from app.admin.coverage import CoverageCounter
from app.admin.domain import Coverage
from app.clients.domain import Role
from app.services import Services
from bench.seed import account_id, fill
from tests.conftest import SetClock
from tests.support.answers import granted
from tests.support.people import a_client, an_operator

pytestmark = pytest.mark.anyio

SEVEN = Coverage(accounts=7, enabled=3, phishing_resistant=0, in_grace=0, overdue=0, exempt=0)
SIX = replace(SEVEN, accounts=6, enabled=2)


@pytest.fixture
async def of_many(services: Services, clock: SetClock, database_url: str) -> CoverageCounter:
    """To whom seven accounts, of which three have a device, are many."""
    await fill(database_url, 7, clock.now(), with_two_factor=3)
    return replace(services.admin.coverage, at_once=2)


async def disable_one(services: Services) -> None:
    await services.admin.disable(account_id(1), an_operator(services))


async def test_a_count_in_slices_counts_each_account_once(of_many: CoverageCounter) -> None:
    counted = [(await replace(of_many, at_once=size).latest()).coverage for size in (1, 2, 3, 6, 7, 8)]
    assert counted == [SEVEN] * 6


async def test_few_accounts_are_counted_for_each_who_asks(
    of_many: CoverageCounter, services: Services, clock: SetClock
) -> None:
    of_few = replace(of_many, at_once=7)
    assert (await of_few.renew()).coverage == SEVEN
    await disable_one(services)
    assert (await of_few.latest()).coverage == SIX


async def test_many_accounts_are_counted_by_the_worker_now_and_then(
    of_many: CoverageCounter, services: Services, clock: SetClock
) -> None:
    counted_at = clock.now()
    await of_many.renew()
    await disable_one(services)
    clock.advance(timedelta(minutes=4))
    kept = await of_many.renew()
    assert (kept, kept.coverage, kept.counted_at) == (await of_many.latest(), SEVEN, counted_at)
    clock.advance(timedelta(minutes=2))
    await of_many.renew()
    assert (await of_many.latest()).coverage == SIX


@pytest.mark.parametrize("later", [timedelta(minutes=16), timedelta(hours=-1)])
async def test_no_count_is_trusted_that_is_old_or_from_the_future(
    of_many: CoverageCounter, services: Services, clock: SetClock, later: timedelta
) -> None:
    await of_many.renew()
    await disable_one(services)
    clock.advance(later)
    assert (await of_many.latest()).coverage == SIX


async def test_the_answer_says_how_old_the_count_is(
    of_many: CoverageCounter, api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    support = await a_client(services, Role.ACCOUNTS_READ)
    response = await api.get("/v1/admin/two-factor/coverage", auth=support)
    assert (granted(response)["accounts"], response.headers["Age"]) == (7, "0")
    await of_many.renew()
    clock.advance(timedelta(seconds=90))
    response = await api.get("/v1/admin/two-factor/coverage", auth=support)
    assert (granted(response)["accounts"], response.headers["Age"]) == (7, "90")
