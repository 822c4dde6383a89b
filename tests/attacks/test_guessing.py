"""Guessing is bounded: attempts are counted durably before the look, and nothing buys more of them."""

import asyncio
from datetime import timedelta

import pytest

from app.clients.domain import Role
from tests.attacks.conftest import LONG
from tests.support.people import NEW_PASSWORD
from tests.support.processes import STEP, Person, Processes, new_address, no_fault, statuses

pytestmark = pytest.mark.anyio
GUESSES = 2000 if LONG else 500
WRONG = "a wrong one entirely"


async def evaluated(processes: Processes, person: Person) -> int:
    """How many codes were looked at and found wrong, by the audit log."""
    return (await processes.events(person)).count("two_factor.code_refused")


async def test_five_hundred_codes_at_once_are_ten_looks(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    response = [await processes.challenge(person) for _ in range(20)]
    wrong = processes.wrong_code(person)
    calls = [
        processes.post("/v1/login/two-factor", {"challenge": response[n % 20], "code": wrong}) for n in range(GUESSES)
    ]
    answers = await processes.race(calls)
    no_fault(answers, allowed=frozenset({503}))
    # Where 503 was the answer, the attempt was counted and perhaps nothing looked at or written down.
    assert 0 < await evaluated(processes, person) <= 10
    assert statuses(answers).get(401, 0) <= 10
    right = await processes.post("/v1/login/two-factor", {"challenge": response[0], "code": processes.code(person)})
    assert (right.status_code, right.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(right.headers["retry-after"]) <= 900


async def test_the_lock_holds_over_every_endpoint_that_takes_a_code(strict_processes: Processes) -> None:
    processes = strict_processes
    person = await processes.someone(two_factor=True)
    link, challenge = await processes.reset_token(person), await processes.challenge(person)
    wrong = processes.wrong_code(person)
    for _ in range(3):
        assert (await processes.log_in(person, code=wrong)).status_code == 401
    for _ in range(3):
        assert (
            await processes.post("/v1/me/2fa/disable", {"password": person.password, "code": wrong}, token=person.token)
        ).status_code == 403
    for _ in range(2):
        assert (
            await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": wrong})
        ).status_code == 401
    reset = {"token": link, "new_password": NEW_PASSWORD, "code": wrong}
    for left in (1, 0):
        answer = await processes.post("/v1/password-reset/confirm", reset)
        assert (answer.status_code, answer.json()["attempts_remaining"]) == (403, left)
    right = processes.code(person)
    locked = [
        await processes.log_in(person, code=right),
        await processes.log_in(person, code=person.recovery_codes[0]),
        await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": right}),
        await processes.post("/v1/me/2fa/disable", {"password": person.password, "code": right}, token=person.token),
        await processes.post("/v1/password-reset/confirm", reset | {"code": right}),
    ]
    assert statuses(locked) == {429: 5}
    assert (await processes.mails(person)).count("wrong_codes") == 1
    processes.clock.advance(timedelta(minutes=15, seconds=1))
    assert (await processes.log_in(person, code=person.recovery_codes[0])).status_code == 200


@pytest.mark.parametrize("kind", ["totp", "recovery"])
async def test_new_challenges_and_right_passwords_buy_no_codes(processes: Processes, kind: str) -> None:
    person = await processes.someone(two_factor=True)
    wrong = processes.wrong_code(person) if kind == "totp" else "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
    for left in range(9, -1, -1):
        answer = await processes.post(
            "/v1/login/two-factor", {"challenge": await processes.challenge(person), "code": wrong}
        )
        assert (answer.status_code, answer.json()["attempts_remaining"]) == (401, min(4, left))
    answer = await processes.post(
        "/v1/login/two-factor", {"challenge": await processes.challenge(person), "code": wrong}
    )
    assert answer.status_code == 429
    assert (await processes.get("/v1/me", token=person.token)).status_code == 200, "who is in stays in"


async def test_one_challenge_is_five_wrong_codes(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    challenge = await processes.challenge(person)
    result = []
    for number in range(6):
        body = {"challenge": challenge, "code": processes.wrong_code(person, number)}
        result.append((await processes.post("/v1/login/two-factor", body)).json())
    assert [each.get("attempts_remaining") for each in result] == [4, 3, 2, 1, None, None]
    assert [each["code"] for each in result] == ["invalid_code"] * 4 + ["challenge_expired"] * 2
    late = await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": processes.code(person)})
    assert late.json()["code"] == "challenge_expired", "the right code comes too late"


async def test_a_challenge_lives_five_minutes(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    challenge = await processes.challenge(person)
    processes.clock.advance(timedelta(seconds=301))
    answer = await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": processes.code(person)})
    assert answer.json()["code"] == "challenge_expired"


async def test_the_attackers_own_logins_buy_nothing(processes: Processes) -> None:
    mine, victim = await processes.someone(two_factor=True), await processes.someone(two_factor=True)
    address = new_address()
    looked = 0
    for number in range(14):
        answer = await processes.log_in(victim, code=processes.wrong_code(victim, number), address=address)
        looked += answer.status_code == 401
        processes.clock.advance(STEP)
        assert (await processes.log_in(mine, code=processes.code(mine), address=address)).status_code == 200
    assert looked == 10


async def test_a_hundred_wrong_codes_close_the_door_until_a_reset(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    address = person.address
    for _ in range(10):
        for number in range(10):
            answer = await processes.log_in(person, code=processes.wrong_code(person, number))
            assert answer.status_code == 401
        processes.clock.advance(timedelta(minutes=15, seconds=1))
    locked = await processes.log_in(person, code=processes.code(person), address=address)
    assert locked.status_code == 429
    processes.clock.advance(timedelta(days=2))
    assert (await processes.log_in(person, code=processes.code(person))).status_code == 429
    admin = await processes.client(Role.ADMIN)
    reset = await processes.call(
        "POST", f"/v1/admin/accounts/{person.id}/2fa/reset", {"reason": "lost her phone"}, auth=admin
    )
    assert reset.status_code == 200
    assert (await processes.log_in(person)).json()["status"] == "authenticated"
    assert (await processes.mails(person)).count("wrong_codes") == 10


async def test_a_wrong_code_is_no_wrong_password(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    address = new_address()
    for number in range(12):
        assert (
            await processes.log_in(person, code=processes.wrong_code(person, number), address=address)
        ).status_code in {
            401,
            429,
        }
    assert (await processes.log_in(person, address=address)).json()["status"] == "two_factor_required"


async def test_passwords_from_one_address_are_ten(processes: Processes) -> None:
    person = await processes.someone(session=False)
    address = new_address()
    answers = await processes.race([processes.log_in(person, WRONG, address=address) for _ in range(50)])
    no_fault(answers, allowed=frozenset({503}))
    assert statuses(answers)[401] == 10
    assert (await processes.log_in(person, address=address)).status_code == 429, "even the right one"
    assert (await processes.log_in(person)).status_code == 200, "the owner is elsewhere"
    processes.clock.advance(timedelta(minutes=5, seconds=1))
    assert (await processes.log_in(person, address=address)).status_code == 200


async def test_passwords_asked_for_again_are_in_the_same_count(processes: Processes) -> None:
    person = await processes.someone()
    address = new_address()
    for number in range(5):
        assert (await processes.log_in(person, WRONG, address=address, at=number)).status_code == 401
    calls = [
        processes.post("/v1/me/2fa/enrollment", {"password": WRONG}, token=person.token, address=address)
        for _ in range(100)
    ]
    answers = await processes.race(calls)
    no_fault(answers, allowed=frozenset({503}))
    assert statuses(answers)[403] == 5
    assert (await processes.log_in(person, address=address)).status_code == 429


@pytest.mark.parametrize("spell", [str.upper, str.title, lambda email: email.replace("@example", "@EXAMPLE")])
async def test_other_spellings_are_the_same_account(processes: Processes, spell: object) -> None:
    assert callable(spell)
    person = await processes.someone(session=False)
    address = new_address()
    for number in range(10):
        email = spell(person.email) if number % 2 else person.email
        answer = await processes.post("/v1/login", {"email": email, "password": WRONG}, address=address)
        assert answer.status_code == 401
    answer = await processes.post("/v1/login", {"email": spell(person.email), "password": WRONG}, address=address)
    assert answer.status_code == 429


async def test_ipv6_neighbours_are_one_client(processes: Processes) -> None:
    person = await processes.someone(session=False)
    for number in range(10):
        answer = await processes.log_in(person, WRONG, address=f"2001:db8:7:1::{number:x}:{number * 977:x}")
        assert answer.status_code == 401
    assert (await processes.log_in(person, WRONG, address="[2001:db8:7:1:ffff::1]:4711")).status_code == 429
    assert (await processes.log_in(person, WRONG, address="2001:db8:7:2::1")).status_code == 401


async def test_an_ipv4_address_in_ipv6_clothes_is_the_same_client(processes: Processes) -> None:
    person = await processes.someone(session=False)
    address = new_address()
    for number in range(10):
        params = address if number % 2 else f"::ffff:{address}"
        assert (await processes.log_in(person, WRONG, address=params)).status_code == 401
    assert (await processes.log_in(person, WRONG, address=f"::ffff:{address}")).status_code == 429


async def test_what_stands_left_in_the_forwarding_header_is_not_believed(processes: Processes) -> None:
    person = await processes.someone(session=False)
    address = new_address()
    for _ in range(10):
        forged = f"{new_address()}, {new_address()}, {address}"
        assert (await processes.log_in(person, WRONG, address=forged)).status_code == 401
    for forged in (f"{new_address()},{address}", f"{new_address()}, {address}, 127.0.0.1", f"garbage, {address}"):
        assert (await processes.log_in(person, WRONG, address=forged)).status_code == 429
    others = {"X-Real-IP": new_address(), "Forwarded": f"for={new_address()}", "X-Client-IP": new_address()}
    assert (await processes.log_in(person, WRONG, address=address, headers=others)).status_code == 429


async def test_requests_from_one_address_are_sixty_a_minute(processes: Processes) -> None:
    person = await processes.someone(session=False)
    address = new_address()
    body = {"email": person.email}
    answers = await processes.race([processes.post("/v1/password-reset", body, address=address) for _ in range(90)])
    assert statuses(answers) == {202: 60, 429: 30}
    answer = await processes.log_in(person, address=address)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    processes.clock.advance(timedelta(seconds=61))
    assert (await processes.log_in(person, address=address)).status_code == 200


async def test_strangers_cannot_keep_the_owner_out(processes: Processes) -> None:
    person = await processes.someone()
    strangers = 1000 if LONG else 130
    shut = 0
    for _ in range(0, strangers, 26):
        answers = await processes.race([processes.log_in(person, WRONG) for _ in range(26)])
        no_fault(answers, allowed=frozenset({503}))
        shut += statuses(answers).get(429, 0)
    assert shut, "strangers are shut out"
    assert (await processes.log_in(person)).status_code == 429, "a right password from nowhere known too"
    assert (await processes.log_in(person, address=person.address)).status_code == 200, "the owner is not"


async def test_the_lock_against_strangers_doubles_up_to_a_quarter_of_an_hour(processes: Processes) -> None:
    person = await processes.someone()
    for _ in range(5):
        await processes.race([processes.log_in(person, WRONG) for _ in range(20)])
    # Some of those may have found no connection in time, and were not counted.
    while (await processes.log_in(person, WRONG)).status_code != 429:
        pass
    waits = []
    for _ in range(6):
        answer = await processes.log_in(person, WRONG)
        assert answer.status_code == 429
        waits.append(int(answer.headers["retry-after"]))
        processes.clock.advance(timedelta(seconds=waits[-1] + 1))
        assert (await processes.log_in(person, WRONG)).status_code == 401
    assert [round(wait / 60) for wait in waits] == [1, 2, 4, 8, 15, 15]


async def test_every_address_is_limited_alike(processes: Processes) -> None:
    """Locked, unknown and disabled: the same answers in the same pattern."""
    known, disabled = await processes.someone(session=False), await processes.someone(session=False)
    admin = await processes.client(Role.ADMIN)
    off = await processes.call("PATCH", f"/v1/admin/accounts/{disabled.id}", {"status": "disabled"}, auth=admin)
    assert off.status_code == 200
    unknown = Person(known.id, "nobody-at-all@example.com")
    patterns = []
    for person in (known, disabled, unknown):
        address = new_address()
        answers = [await processes.log_in(person, WRONG, address=address) for _ in range(13)]
        patterns.append([(each.status_code, each.json()["code"], each.headers.get("retry-after")) for each in answers])
    assert patterns[0] == patterns[1] == patterns[2]
    assert [status for status, _, _ in patterns[0]] == [401] * 10 + [429] * 3


async def test_mails_are_three_open_links_and_five_an_hour(processes: Processes) -> None:
    person = await processes.someone(session=False)
    for _ in range(6):
        answers = await processes.race(
            [processes.post("/v1/password-reset", {"email": person.email}) for _ in range(5)]
        )
        assert statuses(answers) == {202: 5}
        await processes.services.password_reset.answer_requests()
    assert len(await processes.reset_tokens(person)) == 3
    processes.clock.advance(timedelta(minutes=31))
    for _ in range(4):
        await processes.post("/v1/password-reset", {"email": person.email})
        await processes.services.password_reset.answer_requests()
    assert len(await processes.reset_tokens(person)) == 5
    assert len({*await processes.reset_tokens(person)}) == 5


async def test_two_workers_send_no_more_mails_than_one(processes: Processes) -> None:
    person = await processes.someone(session=False)
    await processes.race([processes.post("/v1/password-reset", {"email": person.email}) for _ in range(30)])
    await asyncio.gather(*(processes.services.password_reset.answer_requests() for _ in range(6)))
    assert len(await processes.reset_tokens(person)) == 3
