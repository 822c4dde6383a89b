"""Two processes whose clocks are 25 seconds apart: codes, replays and tokens are judged alike by both."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.services import build_services
from tests.support.documented import must_be_documented
from tests.support.marks import PATIENCE
from tests.support.people import NEW_PASSWORD, quick_settings, totp_code
from tests.support.postgres import Server
from tests.support.processes import BEGIN, STEP, Processes, SteppedClock, replica, statuses
from tests.support.service import over

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
APART = timedelta(seconds=25)
# In one step and in two: where in a step the first clock stands.
MOMENTS = [timedelta(seconds=seconds) for seconds in (0, 3, 7, 15, 29)]


class TwoClocks(SteppedClock):
    """The first process's; the second's is so far ahead, or behind."""

    def __init__(self, file: Path, other: Path, ahead: timedelta) -> None:
        self._other, self._ahead = other, ahead
        super().__init__(file)

    def set(self, at: datetime) -> None:
        super().set(at)
        SteppedClock(self._other, at + self._ahead)


@pytest.fixture(scope="module", params=[APART, -APART], ids=["ahead", "behind"])
async def apart(
    request: pytest.FixtureRequest, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Processes]:
    folder, name = tmp_path_factory.mktemp("apart"), "apart"
    url = await postgres.clone(name)
    first, second = folder / "first", folder / "second"
    clock = TwoClocks(first, second, request.param)
    env = over(url, TWOKEYS_TRUSTED_PROXIES="127.0.0.0/8", TWOKEYS_RUN_WORKER="false", TWOKEYS_CONSOLE="false")
    services = build_services(
        quick_settings(url),
        clock,
    )
    with ExitStack() as stack:
        found = [stack.enter_context(replica(number, file, env, folder)) for number, file in enumerate((first, second))]
        addresses = tuple(address for address, _ in found)
        hooks: dict[str, list[Any]] = {"response": [must_be_documented]}
        clients = tuple(httpx.AsyncClient(base_url=each, timeout=PATIENCE, event_hooks=hooks) for each in addresses)
        made = Processes(addresses, clients, clock, services, url, folder)
        yield made
        await made.close()
    await postgres.drop(name)


async def test_a_code_of_either_time_is_taken_by_either_and_once(
    apart: Processes, request: pytest.FixtureRequest
) -> None:
    ahead: timedelta = request.node.callspec.params["apart"]
    for within in MOMENTS:
        for device, taker in ((timedelta(), 1), (ahead, 0), (timedelta(), 0), (ahead, 1)):
            apart.clock.set(BEGIN)
            person = await apart.someone(two_factor=True)
            apart.clock.set(BEGIN + 4 * STEP + within)
            code = totp_code(person.secret, apart.clock.at + device)
            answer = await apart.log_in(person, code=code, at=taker)
            assert answer.status_code == 200, (within, device, taker, answer.text)
            again = [await apart.log_in(person, code=code, at=number) for number in (1 - taker, taker)]
            assert statuses(again) == {401: 2}, (within, device, taker)
            # Nor does an older one count any more, which the other clock may take for the present one.
            older = totp_code(person.secret, apart.clock.at + device, steps=-1)
            assert (await apart.log_in(person, code=older, at=1 - taker)).status_code == 401


async def test_a_race_over_both_is_won_once(apart: Processes) -> None:
    for within in MOMENTS:
        apart.clock.set(BEGIN)
        person = await apart.someone(two_factor=True)
        apart.clock.set(BEGIN + 4 * STEP + within)
        code = totp_code(person.secret, apart.clock.at)
        answers = await apart.race([apart.log_in(person, code=code, at=number % 2) for number in range(6)])
        assert statuses(answers) == {200: 1, 401: 5}


async def test_tokens_live_and_die_on_both_at_once(apart: Processes) -> None:
    for maker in (0, 1):
        person = await apart.someone(session=False)
        token = str((await apart.log_in(person, at=maker)).json()["access_token"])
        assert await apart.alive(token)
        made = await apart.post("/v1/me/tokens", {"description": "kept"}, token=token, at=maker)
        kept = made.json()["access_token"]
        assert await apart.alive(kept)
        ended = await apart.post("/v1/logout", token=kept, at=1 - maker)
        assert ended.status_code == 204
        assert not await apart.alive(kept)
        change = {"current_password": person.password, "new_password": NEW_PASSWORD}
        changed = await apart.post("/v1/me/password", change, token=token, at=1 - maker)
        assert changed.status_code == 200, changed.text
        assert not await apart.alive(token)
        assert await apart.alive(changed.json()["grant"]["access_token"])


async def test_wrong_codes_are_counted_together(apart: Processes) -> None:
    person = await apart.someone(two_factor=True)
    challenge = await apart.challenge(person)
    result = []
    for number in range(5):
        proof = {"challenge": challenge, "code": apart.wrong_code(person, number)}
        result.append((await apart.post("/v1/login/two-factor", proof, at=number % 2)).json())
    assert [each.get("attempts_remaining") for each in result] == [4, 3, 2, 1, None]
    assert result[-1]["code"] == "challenge_expired"
