"""The end of a wait that clears the second factor, raced on two processes: whoever ends it first has the only say."""

from datetime import timedelta

import httpx
import pytest

from app.clients.domain import Role
from app.mail.domain import unpack
from tests.attacks.test_races import Calls, both_ways, no_deadlock, run
from tests.support.people import NEW_PASSWORD
from tests.support.processes import Person, Processes, winners

__all__ = ["no_deadlock"]
pytestmark = pytest.mark.anyio
# The clocks of the processes differ by less than the second.
WAIT = timedelta(days=3, seconds=1)
OTHER_PASSWORD = "seventeen-lanterns-over-quartz"
ENDS = {"two_factor.cleared", "two_factor.clearing_cancelled"}


@pytest.fixture
def processes(later_processes: Processes) -> Processes:
    return later_processes


async def waiting(processes: Processes) -> Person:
    person = await processes.someone(two_factor=True)
    body = {"token": await processes.reset_token(person), "new_password": NEW_PASSWORD}
    answer = await processes.post("/v1/password-reset/confirm", body)
    assert answer.json()["two_factor"] == "clearing", answer.text
    return Person(person.id, person.email, "", person.secret, person.recovery_codes, NEW_PASSWORD)


async def cancel_link(processes: Processes, person: Person) -> str:
    query = "SELECT sealed, created_at FROM outbox WHERE account_id = $1 AND letter = 'two_factor_clearing'"
    [row] = await processes.rows(query, person.id)
    mail = unpack(processes.services.secret_box.open(row[0], owner=person.id), at=row[1])
    return str(mail.facts["token"])


async def operator_cancels(processes: Processes, person: Person, auth: httpx.BasicAuth) -> httpx.Response:
    path = f"/v1/admin/accounts/{person.id}/2fa/clearing/cancel"
    return await processes.post(path, {"reason": "He called us."}, auth=auth)


async def ends(processes: Processes, person: Person) -> list[str]:
    return [event for event in await processes.events(person) if event in ENDS]


@both_ways
async def test_after_the_wait_many_log_ins_clear_once_and_all_get_in(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await waiting(processes)
        processes.clock.advance(WAIT)
        answers = await run(processes, person, [processes.log_in(person) for _ in range(8)], held=held)
        assert {tuple(each.json()["token"]["amr"]) for each in winners(answers)} == {("pwd",)}
        assert not [each for each in answers if each.status_code == 401]
        assert await ends(processes, person) == ["two_factor.cleared"]
        assert (await processes.mails(person)).count("two_factor_cleared") == 1


@both_ways
async def test_the_end_of_the_wait_races_a_right_code(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await waiting(processes)
        processes.clock.advance(WAIT - timedelta(seconds=10))
        challenge = await processes.challenge(person)
        processes.clock.advance(timedelta(seconds=10))
        calls: Calls = [
            processes.post("/v1/login/two-factor", {"challenge": challenge, "code": processes.code(person)})
        ]
        calls += [processes.log_in(person) for _ in range(3)]
        code, *passwords = await run(processes, person, calls, held=held)
        if code.is_success:
            assert await ends(processes, person) == ["two_factor.clearing_cancelled"]
            assert {each.json()["status"] for each in winners(passwords)} <= {"two_factor_required"}
        else:
            assert (code.status_code, code.json()["code"]) == (401, "challenge_expired")
            assert await ends(processes, person) == ["two_factor.cleared"]
            assert {each.json()["status"] for each in winners(passwords)} == {"authenticated"}


@both_ways
async def test_the_end_of_the_wait_races_the_link_that_cancels(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await waiting(processes)
        link = await cancel_link(processes, person)
        processes.clock.advance(WAIT)
        calls: Calls = [processes.post("/v1/two-factor-clearing/cancel", {"token": link}) for _ in range(3)]
        calls += [processes.log_in(person) for _ in range(3)]
        answers = await run(processes, person, calls, held=held)
        cancelled, passwords = winners(answers[:3]), winners(answers[3:])
        assert {each.status_code for each in answers[:3]} <= {200, 410}
        if cancelled:
            assert len(cancelled) == 1
            assert passwords == []
            assert await ends(processes, person) == ["two_factor.clearing_cancelled"]
        else:
            assert {each.json()["status"] for each in passwords} == {"authenticated"}
            assert await ends(processes, person) == ["two_factor.cleared"]


@both_ways
async def test_the_end_of_the_wait_races_an_operator_who_cancels(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    auth = await processes.client(Role.ADMIN)
    for _ in range(rounds):
        person = await waiting(processes)
        processes.clock.advance(WAIT)
        calls: Calls = [operator_cancels(processes, person, auth), *(processes.log_in(person) for _ in range(3))]
        cancelled, *passwords = await run(processes, person, calls, held=held)
        said = {each.json()["status"] for each in winners(passwords)}
        if cancelled.is_success:
            assert said <= {"two_factor_required"}
            assert await ends(processes, person) == ["two_factor.clearing_cancelled"]
        else:
            assert (cancelled.status_code, cancelled.json()["code"]) == (409, "nothing_to_cancel")
            assert said == {"authenticated"}
            assert await ends(processes, person) == ["two_factor.cleared"]


@both_ways
async def test_the_end_of_the_wait_races_a_second_reset(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await waiting(processes)
        processes.clock.advance(WAIT)
        body = {"token": await processes.reset_token(person), "new_password": OTHER_PASSWORD}
        calls: Calls = [processes.post("/v1/password-reset/confirm", body)]
        calls += [processes.log_in(person) for _ in range(3)]
        reset, *passwords = await run(processes, person, calls, held=held)
        if reset.is_success:
            assert reset.json()["two_factor"] == "clearing"
            assert passwords == [each for each in passwords if each.status_code == 401]
            assert await ends(processes, person) == []
            after = await processes.log_in(person, OTHER_PASSWORD)
        else:
            assert (reset.status_code, reset.json()["code"]) == (410, "reset_token_invalid")
            after = await processes.log_in(person)
        assert after.json()["status"] == "authenticated", "the wait is over either way"
        assert await ends(processes, person) == ["two_factor.cleared"]


@both_ways
async def test_two_resets_begin_one_wait(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        links = [await processes.reset_token(person) for _ in range(3)]
        calls: Calls = [
            processes.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
            for link in links
        ]
        answers = await run(processes, person, calls, held=held)
        assert len(winners(answers)) == 1
        assert (await processes.events(person)).count("two_factor.clearing_started") == 1
