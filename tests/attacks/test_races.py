"""Races have one winner: 64 at once over two processes, and again with a pause forced between reading and writing."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from datetime import timedelta

import httpx
import pytest

from app.clients.domain import Role
from tests.support.people import NEW_PASSWORD, PASSWORD
from tests.support.processes import STEP, Answers, Person, Processes, no_fault, statuses, winners

pytestmark = pytest.mark.anyio
RACERS = 64
# A pause is forced for as many as find a connection in both pools; the rest would only wait for one.
HELD_RACERS = 16
OTHER_PASSWORD = "seventeen-lanterns-over-quartz"

Calls = list[Awaitable[httpx.Response]]
both_ways = pytest.mark.parametrize("held", [False, True], ids=["at once", "read before write"])


@pytest.fixture(autouse=True)
def no_deadlock(processes: Processes) -> Iterator[None]:
    """A deadlock ends in a 503, as a long wait for a connection does; only the log tells the two apart."""
    before = processes.log_text().count("DeadlockDetected")
    yield
    assert processes.log_text().count("DeadlockDetected") == before


async def run(
    processes: Processes, person: Person, calls: Sequence[Awaitable[httpx.Response]], *, held: bool
) -> Answers:
    """On a busy machine some may find no connection in time; they were told so, did nothing, and are not the most."""
    answers = await processes.race(calls, hold=person if held else None)
    no_fault(answers, allowed=frozenset({503}))
    assert statuses(answers).get(503, 0) <= len(answers) // 2, statuses(answers)
    return answers


def ends(answers: Answers) -> set[int]:
    """The statuses of all that were let in as far as the race."""
    return set(statuses(answers)) - {503}


def many(held: bool) -> range:  # noqa: FBT001 - one of the two ways
    return range(HELD_RACERS if held else RACERS)


@both_ways
async def test_one_totp_code_lets_one_in(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        code = processes.code(person)
        answers = await run(processes, person, [processes.log_in(person, code=code) for _ in many(held)], held=held)
        assert len(winners(answers)) == 1, statuses(answers)
        assert ends(answers) <= {200, 401, 429}
        assert (await processes.events(person)).count("login.succeeded") == 2


@both_ways
async def test_one_totp_code_lets_one_in_over_many_challenges(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        response = [await processes.challenge(person) for _ in range(8)]
        code = processes.code(person)
        calls = [
            processes.post("/v1/login/two-factor", {"challenge": response[n % 8], "code": code}) for n in many(held)
        ]
        answers = await run(processes, person, calls, held=held)
        assert len(winners(answers)) == 1, statuses(answers)
        assert ends(answers) <= {200, 401, 429}


@both_ways
async def test_one_recovery_code_lets_one_in(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        code = person.recovery_codes[0]
        answers = await run(processes, person, [processes.log_in(person, code=code) for _ in many(held)], held=held)
        assert len(winners(answers)) == 1, statuses(answers)
        assert (await processes.events(person)).count("recovery_code.used") == 1
        assert (await processes.mails(person)).count("recovery_code_used") == 1


@both_ways
async def test_one_challenge_lets_one_in_and_its_losers_burn_nothing(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        challenge = await processes.challenge(person)
        calls = [
            processes.post("/v1/login/two-factor", {"challenge": challenge, "code": person.recovery_codes[n % 10]})
            for n in many(held)
        ]
        answers = await run(processes, person, calls, held=held)
        assert len(winners(answers)) == 1, statuses(answers)
        assert winners(answers)[0].json()["account"]["two_factor"]["recovery_codes_remaining"] == 9
        left = await processes.rows("SELECT count(*) FROM recovery_codes WHERE account_id = $1", person.id)
        assert left[0][0] == 9


@both_ways
async def test_one_reset_link_works_once(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        token = await processes.reset_token(person)
        body = {"token": token, "new_password": NEW_PASSWORD}
        answers = await run(
            processes, person, [processes.post("/v1/password-reset/confirm", body) for _ in many(held)], held=held
        )
        assert len(winners(answers)) == 1, statuses(answers)
        assert ends(answers) <= {200, 410}
        assert (await processes.events(person)).count("password_reset.completed") == 1


@both_ways
async def test_several_links_of_one_account_have_one_winner(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await processes.someone()
        links = [await processes.reset_token(person) for _ in range(3)]
        calls = [
            processes.post("/v1/password-reset/confirm", {"token": links[n % 3], "new_password": NEW_PASSWORD})
            for n in many(held)
        ]
        answers = await run(processes, person, calls, held=held)
        assert len(winners(answers)) == 1, statuses(answers)


@both_ways
async def test_one_confirming_code_turns_it_on_once(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone()
        began = await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
        person = Person(person.id, person.email, person.token, began.json()["secret"])
        code = processes.code(person)
        calls = [processes.post("/v1/me/2fa/confirm", {"code": code}, token=person.token) for _ in many(held)]
        answers = await run(processes, person, calls, held=held)
        [won] = winners(answers)
        assert ends(answers) <= {200, 401, 409, 429}
        assert not await processes.alive(person.token)
        assert await processes.alive(won.json()["grant"]["access_token"])
        assert (await processes.events(person)).count("two_factor.enabled") == 1
        assert (await processes.mails(person)).count("two_factor_enabled") == 1
        # The set that was shown is the set that counts. Losers who came after the winner may have locked the account.
        processes.clock.advance(timedelta(minutes=16))
        assert (await processes.log_in(person, code=won.json()["recovery_codes"][0])).status_code == 200


@both_ways
async def test_of_two_enrollments_the_later_secret_counts(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone()
        calls = [
            processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
            for _ in range(8 if held else 10)
        ]
        answers = await run(processes, person, calls, held=held)
        assert ends(answers) <= {201, 429}
        secrets = [answer.json()["secret"] for answer in winners(answers)]
        accepted = []
        for secret in secrets:
            enrolled = Person(person.id, person.email, person.token, secret)
            answer = await processes.post("/v1/me/2fa/confirm", {"code": processes.code(enrolled)}, token=person.token)
            if answer.is_success:
                accepted.append(secret)
                break
            assert answer.json()["code"] in {"invalid_code", "too_many_attempts"}
        assert len(accepted) <= 1
        pending = "SELECT count(*) FROM authenticator_enrollments WHERE account_id = $1"
        confirmed = "SELECT count(*) FROM authenticators WHERE account_id = $1"
        counts = [(await processes.rows(query, person.id))[0][0] for query in (pending, confirmed)]
        assert counts == ([0, 1] if accepted else [1, 0])


@both_ways
async def test_confirming_races_a_new_enrollment(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    """Whoever wins, 2FA is never on with a secret whose code was not shown to belong to it."""
    for _ in range(rounds):
        person = await processes.someone()
        began = await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
        person = Person(person.id, person.email, person.token, began.json()["secret"])
        code = processes.code(person)
        confirm = processes.post("/v1/me/2fa/confirm", {"code": code}, token=person.token)
        again = processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
        confirmed, begun = await run(processes, person, [confirm, again], held=held)
        assert confirmed.status_code in {200, 403, 409}
        assert begun.status_code in {201, 401, 409}
        assert confirmed.is_success or begun.is_success
        processes.clock.advance(STEP)
        if confirmed.is_success:
            assert not begun.is_success or (await processes.get("/v1/me", token=person.token)).status_code == 401
            assert (await processes.log_in(person, code=processes.code(person))).status_code == 200


async def test_a_code_of_the_replaced_secret_turns_nothing_on(processes: Processes) -> None:
    """The code was looked at before the new enrollment was written, and its turn to write comes after."""
    person = await processes.someone()
    began = await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
    code = processes.code(Person(person.id, person.email, person.token, began.json()["secret"]))
    async with processes.held(person) as until_waiting:
        again = asyncio.create_task(processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token))
        await until_waiting(1)
        confirm = asyncio.create_task(processes.post("/v1/me/2fa/confirm", {"code": code}, token=person.token))
        await until_waiting(2)
    assert (await again).status_code == 201
    assert (await confirm).json()["code"] == "no_pending_enrollment"
    assert (await processes.get("/v1/me/2fa", token=person.token)).json()["status"] == "pending"


@both_ways
async def test_turning_it_off_leaves_no_token_of_before(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        code = processes.code(person)
        new = {"description": "made in the race"}
        calls: Calls = [
            processes.post("/v1/me/2fa/disable", {"password": PASSWORD}, token=person.token) for _ in range(4)
        ]
        calls += [processes.log_in(person, code=code) for _ in range(4)]
        calls += [processes.post("/v1/me/tokens", new, token=person.token) for _ in range(4)]
        answers = await run(processes, person, calls, held=held)
        disabled, logged_in, made = answers[:4], answers[4:8], answers[8:]
        [won] = winners(disabled)
        assert ends(disabled) <= {200, 401, 409}
        assert ends(logged_in) <= {200, 401}
        assert ends(made) <= {201, 401}
        assert await processes.alive(won.json()["grant"]["access_token"])
        assert not await processes.alive(person.token)
        for answer in winners(made):
            assert not await processes.alive(answer.json()["access_token"])
        for answer in winners(logged_in):
            # With two factors it was let in before, and is out; with one it came after.
            body = answer.json()
            assert await processes.alive(body["access_token"]) == (body["token"]["amr"] == ["pwd"])


@both_ways
async def test_a_reset_leaves_no_session_by_the_old_password(
    processes: Processes,
    rounds: int,
    held: bool,  # noqa: FBT001
) -> None:
    for _ in range(rounds):
        person = await processes.someone()
        body = {"token": await processes.reset_token(person), "new_password": NEW_PASSWORD}
        calls: Calls = [processes.post("/v1/password-reset/confirm", body)]
        calls += [processes.log_in(person) for _ in range(15 if held else 31)]
        answers = await run(processes, person, calls, held=held)
        assert answers[0].status_code == 200
        assert ends(answers[1:]) <= {200, 401}
        for answer in winners(answers[1:]):
            assert not await processes.alive(answer.json()["access_token"])


@both_ways
async def test_of_two_password_changes_one_counts(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone()
        wanted = [NEW_PASSWORD, OTHER_PASSWORD] * 4
        calls: Calls = [
            processes.post(
                "/v1/me/password", {"current_password": PASSWORD, "new_password": new}, token=person.token, at=number
            )
            for number, new in enumerate(wanted)
        ]
        answers = await run(processes, person, calls, held=held)
        [won] = winners(answers)
        assert ends(answers) <= {200, 401, 403}
        kept = wanted[answers.index(won)]
        lost = OTHER_PASSWORD if kept == NEW_PASSWORD else NEW_PASSWORD
        assert (await processes.log_in(person, kept)).status_code == 200
        assert (await processes.log_in(person, lost)).status_code == 401
        assert await processes.alive(won.json()["grant"]["access_token"])
        assert not await processes.alive(person.token)


async def test_personal_tokens_stop_at_their_limit(processes: Processes) -> None:
    person = await processes.someone()
    calls: Calls = [processes.post("/v1/me/tokens", {"description": "one more"}, token=person.token) for _ in range(64)]
    answers = await processes.race(calls)
    assert set(statuses(answers)) <= {201, 409, 503}, "no connection came free in time"
    # One after the other, so that none is shed.
    after = [await processes.post("/v1/me/tokens", {"description": "one more"}, token=person.token) for _ in range(51)]
    assert after[-1].status_code == 409
    made = await processes.rows("SELECT count(*) FROM tokens WHERE account_id = $1 AND kind = 'personal'", person.id)
    assert made[0][0] == 50


async def test_the_last_personal_token_is_made_once(processes: Processes) -> None:
    """Whoever counts waits for whoever counted before."""
    person = await processes.someone()
    body = {"description": "one more"}
    for _ in range(49):
        assert (await processes.post("/v1/me/tokens", body, token=person.token)).status_code == 201
    calls: Calls = [processes.post("/v1/me/tokens", body, token=person.token) for _ in range(HELD_RACERS)]
    assert statuses(await run(processes, person, calls, held=True)) == {201: 1, 409: HELD_RACERS - 1}


async def test_deleting_an_account_races_its_codes(processes: Processes, rounds: int) -> None:
    for _ in range(rounds):
        person = await processes.someone(two_factor=True)
        response = [await processes.challenge(person) for _ in range(6)]
        wrong = processes.wrong_code(person)
        calls: Calls = [processes.post("/v1/login/two-factor", {"challenge": each, "code": wrong}) for each in response]
        admin = await processes.client(Role.ADMIN)
        calls.insert(3, processes.call("DELETE", f"/v1/admin/accounts/{person.id}", auth=admin))
        answers = await run(processes, person, calls, held=False)
        assert answers[3].status_code == 204
        assert ends([*answers[:3], *answers[4:]]) <= {401, 429}
