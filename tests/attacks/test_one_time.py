"""One time is one time: what was accepted counts nowhere again, on the other process or in other clothes."""

from collections.abc import Awaitable, Callable
from itertools import product

import httpx
import pytest

from tests.support.people import NEW_PASSWORD
from tests.support.processes import STEP, Person, Processes

pytestmark = pytest.mark.anyio
FULL_WIDTH = {ord(str(digit)): 0xFF10 + digit for digit in range(10)}
ARABIC = {ord(str(digit)): 0x0660 + digit for digit in range(10)}

Act = Callable[[Processes, Person, str, int], Awaitable[httpx.Response]]


async def in_one_step(processes: Processes, person: Person, code: str, at: int) -> httpx.Response:
    return await processes.log_in(person, code=code, at=at)


async def in_two_steps(processes: Processes, person: Person, code: str, at: int) -> httpx.Response:
    body = {"challenge": await processes.challenge(person), "code": code}
    return await processes.post("/v1/login/two-factor", body, at=at)


async def to_disable(processes: Processes, person: Person, code: str, at: int) -> httpx.Response:
    body = {"password": person.password, "code": code}
    return await processes.post("/v1/me/2fa/disable", body, token=await fresh(processes, person), at=at)


async def to_reset(processes: Processes, person: Person, code: str, at: int) -> httpx.Response:
    body = {"token": await processes.reset_token(person), "new_password": NEW_PASSWORD, "code": code}
    return await processes.post("/v1/password-reset/confirm", body, at=at)


async def fresh(processes: Processes, person: Person) -> str:
    """A session that does not spend the code under test: by a recovery code."""
    answer = await processes.log_in(person, code=person.recovery_codes[-1])
    if answer.status_code == 401:
        answer = await processes.log_in(person, code=person.recovery_codes[-2])
    return str(answer.json()["access_token"])


FIRST: list[Act] = [in_one_step, in_two_steps]
THEN: list[Act] = [in_one_step, in_two_steps, to_disable, to_reset]


@pytest.mark.parametrize(("first", "then"), list(product(FIRST, THEN)))
@pytest.mark.parametrize("kind", ["totp", "recovery"])
async def test_a_code_counts_once(strict_processes: Processes, first: Act, then: Act, kind: str) -> None:
    person = await strict_processes.someone(two_factor=True)
    code = strict_processes.code(person) if kind == "totp" else person.recovery_codes[0]
    assert (await first(strict_processes, person, code, 0)).status_code == 200
    again = await then(strict_processes, person, code, 1)
    assert again.status_code in {401, 403}
    assert again.json()["code"] == "invalid_code"


@pytest.mark.parametrize("then", [in_one_step, in_two_steps, to_disable])
@pytest.mark.parametrize("kind", ["totp", "recovery"])
async def test_a_code_that_a_reset_took_is_gone(strict_processes: Processes, then: Act, kind: str) -> None:
    person = await strict_processes.someone(two_factor=True)
    code = strict_processes.code(person) if kind == "totp" else person.recovery_codes[0]
    answer = await to_reset(strict_processes, person, code, 0)
    assert answer.json()["two_factor"] == "kept"
    person = Person(person.id, person.email, "", person.secret, person.recovery_codes, NEW_PASSWORD)
    again = await then(strict_processes, person, code, 1)
    assert again.json()["code"] == "invalid_code"


@pytest.mark.parametrize("then", THEN)
async def test_the_code_that_turned_it_on_is_spent(strict_processes: Processes, then: Act) -> None:
    person = await strict_processes.someone(two_factor=True)
    strict_processes.clock.advance(-2 * STEP)
    again = await then(strict_processes, person, strict_processes.code(person), 1)
    strict_processes.clock.advance(2 * STEP)
    assert again.status_code in {401, 403}
    assert again.json()["code"] == "invalid_code"


@pytest.mark.parametrize("digits", [FULL_WIDTH, ARABIC], ids=["full-width", "arabic"])
async def test_other_digits_are_no_code(processes: Processes, digits: dict[int, int]) -> None:
    person = await processes.someone(two_factor=True)
    code = processes.code(person)
    assert (await processes.log_in(person, code=code.translate(digits))).status_code == 422
    assert (await processes.log_in(person, code=code)).status_code == 200
    assert (await processes.log_in(person, code=code.translate(digits))).status_code == 422


@pytest.mark.parametrize("dressed", [" {}", "{}\n", "{}\t", "{}.0", "+{}", "0{}", "{}e0"])
async def test_a_code_in_other_clothes_is_no_code(processes: Processes, dressed: str) -> None:
    person = await processes.someone(two_factor=True)
    assert (await processes.log_in(person, code=dressed.format(processes.code(person)))).status_code == 422


@pytest.mark.parametrize("offset", range(-3, 4))
async def test_the_window_is_one_step_either_side(processes: Processes, offset: int) -> None:
    person = await processes.someone(two_factor=True)
    processes.clock.advance(5 * STEP)
    answer = await processes.log_in(person, code=processes.code(person, steps=offset))
    assert answer.status_code == (200 if abs(offset) <= 1 else 401)


async def test_an_older_step_counts_no_more_after_a_newer_one(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    newer, older, oldest = (processes.code(person, steps=steps) for steps in (1, 0, -1))
    assert (await processes.log_in(person, code=newer, at=0)).status_code == 200
    for code in (newer, older, oldest):
        assert (await processes.log_in(person, code=code, at=1)).json()["code"] == "invalid_code"


async def test_a_clock_that_steps_back_brings_no_code_back(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    code = processes.code(person)
    assert (await processes.log_in(person, code=code, at=0)).status_code == 200
    for back in (1, 1, 10):
        processes.clock.advance(-back * STEP)
        assert (await processes.log_in(person, code=processes.code(person), at=1)).json()["code"] == "invalid_code"
        assert (await processes.log_in(person, code=code, at=1)).json()["code"] == "invalid_code"
    processes.clock.advance(13 * STEP)
    assert (await processes.log_in(person, code=processes.code(person))).status_code == 200


async def test_a_challenge_counts_once(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    challenge = await processes.challenge(person)
    body = {"challenge": challenge, "code": processes.code(person)}
    assert (await processes.post("/v1/login/two-factor", body, at=0)).status_code == 200
    again = await processes.post(
        "/v1/login/two-factor", {"challenge": challenge, "code": person.recovery_codes[0]}, at=1
    )
    assert (again.status_code, again.json()["code"]) == (401, "challenge_expired")
    assert (await processes.log_in(person, code=person.recovery_codes[0])).status_code == 200, "and burned nothing"


async def test_a_reset_link_counts_once_and_takes_the_others_along(processes: Processes) -> None:
    person = await processes.someone()
    links = [await processes.reset_token(person) for _ in range(3)]
    for number, link in enumerate([links[1], *links]):
        answer = await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
        assert answer.status_code == (200 if number == 0 else 410)


async def test_every_change_ends_links_and_challenges(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    link, challenge = await processes.reset_token(person), await processes.challenge(person)
    changed = await processes.post(
        "/v1/me/password", {"current_password": person.password, "new_password": NEW_PASSWORD}, token=person.token
    )
    assert changed.status_code == 200
    late = await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": processes.code(person)})
    assert late.json()["code"] == "challenge_expired"
    late = await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": "onyx-otter-canal-88"})
    assert late.json()["code"] == "reset_token_invalid"


async def test_a_disabled_device_is_dead_for_good(processes: Processes) -> None:
    """Not even the same person's next enrollment takes a code of the old secret."""
    person = await processes.someone(two_factor=True)
    off = await processes.post("/v1/me/2fa/disable", {"password": person.password}, token=person.token)
    token = off.json()["grant"]["access_token"]
    again = await processes.enrolled(Person(person.id, person.email, token))
    for code in (processes.code(person), person.recovery_codes[0]):
        assert (await processes.log_in(person, code=code)).json()["code"] == "invalid_code"
    assert (await processes.log_in(again, code=processes.code(again))).status_code == 200
