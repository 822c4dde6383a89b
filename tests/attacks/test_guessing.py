"""Guessing is bounded: attempts are counted durably before the look, and nothing buys more of them."""

import asyncio
from datetime import timedelta

import pytest

from app.clients.domain import Role
from tests.attacks.conftest import LONG
from tests.support.people import NEW_PASSWORD
from tests.support.twins import STEP, Person, Twins, new_address, no_fault, statuses

pytestmark = pytest.mark.anyio
GUESSES = 2000 if LONG else 500
WRONG = "a wrong one entirely"


async def evaluated(twins: Twins, person: Person) -> int:
    """How many codes were looked at and found wrong, by the journal."""
    return (await twins.events(person)).count("two_factor.code_refused")


async def test_five_hundred_codes_at_once_are_ten_looks(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    response = [await twins.challenge(person) for _ in range(20)]
    wrong = twins.wrong_code(person)
    calls = [twins.post("/v1/login/two-factor", {"challenge": response[n % 20], "code": wrong}) for n in range(GUESSES)]
    answers = await twins.race(calls)
    no_fault(answers, allowed=frozenset({503}))
    # Where 503 was the answer, the attempt was counted and perhaps nothing looked at or written down.
    assert 0 < await evaluated(twins, person) <= 10
    assert statuses(answers).get(401, 0) <= 10
    right = await twins.post("/v1/login/two-factor", {"challenge": response[0], "code": twins.code(person)})
    assert (right.status_code, right.json()["code"]) == (429, "too_many_attempts")
    assert 0 < int(right.headers["retry-after"]) <= 900


async def test_the_lock_holds_over_every_endpoint_that_takes_a_code(strict_twins: Twins) -> None:
    twins = strict_twins
    person = await twins.someone(two_factor=True)
    link, challenge = await twins.reset_token(person), await twins.challenge(person)
    wrong = twins.wrong_code(person)
    for _ in range(3):
        assert (await twins.log_in(person, code=wrong)).status_code == 401
    for _ in range(3):
        assert (
            await twins.post("/v1/me/2fa/disable", {"password": person.password, "code": wrong}, token=person.token)
        ).status_code == 403
    for _ in range(2):
        assert (await twins.post("/v1/login/two-factor", {"challenge": challenge, "code": wrong})).status_code == 401
    reset = {"token": link, "new_password": NEW_PASSWORD, "code": wrong}
    for left in (1, 0):
        answer = await twins.post("/v1/password-reset/confirm", reset)
        assert (answer.status_code, answer.json()["attempts_remaining"]) == (403, left)
    right = twins.code(person)
    locked = [
        await twins.log_in(person, code=right),
        await twins.log_in(person, code=person.recovery_codes[0]),
        await twins.post("/v1/login/two-factor", {"challenge": challenge, "code": right}),
        await twins.post("/v1/me/2fa/disable", {"password": person.password, "code": right}, token=person.token),
        await twins.post("/v1/password-reset/confirm", reset | {"code": right}),
    ]
    assert statuses(locked) == {429: 5}
    assert (await twins.mails(person)).count("wrong_codes") == 1
    twins.clock.advance(timedelta(minutes=15, seconds=1))
    assert (await twins.log_in(person, code=person.recovery_codes[0])).status_code == 200


@pytest.mark.parametrize("kind", ["totp", "recovery"])
async def test_new_challenges_and_right_passwords_buy_no_codes(twins: Twins, kind: str) -> None:
    person = await twins.someone(two_factor=True)
    wrong = twins.wrong_code(person) if kind == "totp" else "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
    for left in range(9, -1, -1):
        answer = await twins.post("/v1/login/two-factor", {"challenge": await twins.challenge(person), "code": wrong})
        assert (answer.status_code, answer.json()["attempts_remaining"]) == (401, min(4, left))
    answer = await twins.post("/v1/login/two-factor", {"challenge": await twins.challenge(person), "code": wrong})
    assert answer.status_code == 429
    assert (await twins.get("/v1/me", token=person.token)).status_code == 200, "who is in stays in"


async def test_one_challenge_is_five_wrong_codes(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    challenge = await twins.challenge(person)
    result = []
    for number in range(6):
        body = {"challenge": challenge, "code": twins.wrong_code(person, number)}
        result.append((await twins.post("/v1/login/two-factor", body)).json())
    assert [each.get("attempts_remaining") for each in result] == [4, 3, 2, 1, None, None]
    assert [each["code"] for each in result] == ["invalid_code"] * 4 + ["challenge_expired"] * 2
    late = await twins.post("/v1/login/two-factor", {"challenge": challenge, "code": twins.code(person)})
    assert late.json()["code"] == "challenge_expired", "the right code comes too late"


async def test_a_challenge_lives_five_minutes(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    challenge = await twins.challenge(person)
    twins.clock.advance(timedelta(seconds=301))
    answer = await twins.post("/v1/login/two-factor", {"challenge": challenge, "code": twins.code(person)})
    assert answer.json()["code"] == "challenge_expired"


async def test_the_attackers_own_logins_buy_nothing(twins: Twins) -> None:
    mine, victim = await twins.someone(two_factor=True), await twins.someone(two_factor=True)
    address = new_address()
    looked = 0
    for number in range(14):
        answer = await twins.log_in(victim, code=twins.wrong_code(victim, number), address=address)
        looked += answer.status_code == 401
        twins.clock.advance(STEP)
        assert (await twins.log_in(mine, code=twins.code(mine), address=address)).status_code == 200
    assert looked == 10


async def test_a_hundred_wrong_codes_close_the_door_until_a_reset(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    address = person.address
    for _ in range(10):
        for number in range(10):
            answer = await twins.log_in(person, code=twins.wrong_code(person, number))
            assert answer.status_code == 401
        twins.clock.advance(timedelta(minutes=15, seconds=1))
    locked = await twins.log_in(person, code=twins.code(person), address=address)
    assert locked.status_code == 429
    twins.clock.advance(timedelta(days=2))
    assert (await twins.log_in(person, code=twins.code(person))).status_code == 429
    admin = await twins.client(Role.ADMIN)
    reset = await twins.call(
        "POST", f"/v1/admin/accounts/{person.id}/2fa/reset", {"reason": "lost her phone"}, auth=admin
    )
    assert reset.status_code == 200
    assert (await twins.log_in(person)).json()["status"] == "authenticated"
    assert (await twins.mails(person)).count("wrong_codes") == 10


async def test_a_wrong_code_is_no_wrong_password(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    address = new_address()
    for number in range(12):
        assert (await twins.log_in(person, code=twins.wrong_code(person, number), address=address)).status_code in {
            401,
            429,
        }
    assert (await twins.log_in(person, address=address)).json()["status"] == "two_factor_required"


async def test_passwords_from_one_address_are_ten(twins: Twins) -> None:
    person = await twins.someone(session=False)
    address = new_address()
    answers = await twins.race([twins.log_in(person, WRONG, address=address) for _ in range(50)])
    no_fault(answers, allowed=frozenset({503}))
    assert statuses(answers)[401] == 10
    assert (await twins.log_in(person, address=address)).status_code == 429, "even the right one"
    assert (await twins.log_in(person)).status_code == 200, "the owner is elsewhere"
    twins.clock.advance(timedelta(minutes=5, seconds=1))
    assert (await twins.log_in(person, address=address)).status_code == 200


async def test_passwords_asked_for_again_are_in_the_same_count(twins: Twins) -> None:
    person = await twins.someone()
    address = new_address()
    for number in range(5):
        assert (await twins.log_in(person, WRONG, address=address, at=number)).status_code == 401
    calls = [
        twins.post("/v1/me/2fa/enrollment", {"password": WRONG}, token=person.token, address=address)
        for _ in range(100)
    ]
    answers = await twins.race(calls)
    no_fault(answers, allowed=frozenset({503}))
    assert statuses(answers)[403] == 5
    assert (await twins.log_in(person, address=address)).status_code == 429


@pytest.mark.parametrize("spell", [str.upper, str.title, lambda email: email.replace("@example", "@EXAMPLE")])
async def test_other_spellings_are_the_same_account(twins: Twins, spell: object) -> None:
    assert callable(spell)
    person = await twins.someone(session=False)
    address = new_address()
    for number in range(10):
        email = spell(person.email) if number % 2 else person.email
        answer = await twins.post("/v1/login", {"email": email, "password": WRONG}, address=address)
        assert answer.status_code == 401
    answer = await twins.post("/v1/login", {"email": spell(person.email), "password": WRONG}, address=address)
    assert answer.status_code == 429


async def test_ipv6_neighbours_are_one_client(twins: Twins) -> None:
    person = await twins.someone(session=False)
    for number in range(10):
        answer = await twins.log_in(person, WRONG, address=f"2001:db8:7:1::{number:x}:{number * 977:x}")
        assert answer.status_code == 401
    assert (await twins.log_in(person, WRONG, address="[2001:db8:7:1:ffff::1]:4711")).status_code == 429
    assert (await twins.log_in(person, WRONG, address="2001:db8:7:2::1")).status_code == 401


async def test_an_ipv4_address_in_ipv6_clothes_is_the_same_client(twins: Twins) -> None:
    person = await twins.someone(session=False)
    address = new_address()
    for number in range(10):
        params = address if number % 2 else f"::ffff:{address}"
        assert (await twins.log_in(person, WRONG, address=params)).status_code == 401
    assert (await twins.log_in(person, WRONG, address=f"::ffff:{address}")).status_code == 429


async def test_what_stands_left_in_the_forwarding_header_is_not_believed(twins: Twins) -> None:
    person = await twins.someone(session=False)
    address = new_address()
    for _ in range(10):
        forged = f"{new_address()}, {new_address()}, {address}"
        assert (await twins.log_in(person, WRONG, address=forged)).status_code == 401
    for forged in (f"{new_address()},{address}", f"{new_address()}, {address}, 127.0.0.1", f"garbage, {address}"):
        assert (await twins.log_in(person, WRONG, address=forged)).status_code == 429
    others = {"X-Real-IP": new_address(), "Forwarded": f"for={new_address()}", "X-Client-IP": new_address()}
    assert (await twins.log_in(person, WRONG, address=address, headers=others)).status_code == 429


async def test_requests_from_one_address_are_sixty_a_minute(twins: Twins) -> None:
    person = await twins.someone(session=False)
    address = new_address()
    body = {"email": person.email}
    answers = await twins.race([twins.post("/v1/password-reset", body, address=address) for _ in range(90)])
    assert statuses(answers) == {202: 60, 429: 30}
    answer = await twins.log_in(person, address=address)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    twins.clock.advance(timedelta(seconds=61))
    assert (await twins.log_in(person, address=address)).status_code == 200


async def test_strangers_cannot_keep_the_owner_out(twins: Twins) -> None:
    person = await twins.someone()
    strangers = 1000 if LONG else 130
    shut = 0
    for _ in range(0, strangers, 26):
        answers = await twins.race([twins.log_in(person, WRONG) for _ in range(26)])
        no_fault(answers, allowed=frozenset({503}))
        shut += statuses(answers).get(429, 0)
    assert shut, "strangers are shut out"
    assert (await twins.log_in(person)).status_code == 429, "a right password from nowhere known too"
    assert (await twins.log_in(person, address=person.address)).status_code == 200, "the owner is not"


async def test_the_lock_against_strangers_doubles_up_to_a_quarter_of_an_hour(twins: Twins) -> None:
    person = await twins.someone()
    for _ in range(5):
        await twins.race([twins.log_in(person, WRONG) for _ in range(20)])
    waits = []
    for _ in range(6):
        answer = await twins.log_in(person, WRONG)
        assert answer.status_code == 429
        waits.append(int(answer.headers["retry-after"]))
        twins.clock.advance(timedelta(seconds=waits[-1] + 1))
        assert (await twins.log_in(person, WRONG)).status_code == 401
    assert [round(wait / 60) for wait in waits] == [1, 2, 4, 8, 15, 15]


async def test_every_address_is_limited_alike(twins: Twins) -> None:
    """Locked, unknown and disabled: the same answers in the same pattern."""
    known, disabled = await twins.someone(session=False), await twins.someone(session=False)
    admin = await twins.client(Role.ADMIN)
    off = await twins.call("PATCH", f"/v1/admin/accounts/{disabled.id}", {"status": "disabled"}, auth=admin)
    assert off.status_code == 200
    unknown = Person(known.id, "nobody-at-all@example.com")
    patterns = []
    for person in (known, disabled, unknown):
        address = new_address()
        answers = [await twins.log_in(person, WRONG, address=address) for _ in range(13)]
        patterns.append([(each.status_code, each.json()["code"], each.headers.get("retry-after")) for each in answers])
    assert patterns[0] == patterns[1] == patterns[2]
    assert [status for status, _, _ in patterns[0]] == [401] * 10 + [429] * 3


async def test_mails_are_three_open_links_and_five_an_hour(twins: Twins) -> None:
    person = await twins.someone(session=False)
    for _ in range(6):
        answers = await twins.race([twins.post("/v1/password-reset", {"email": person.email}) for _ in range(5)])
        assert statuses(answers) == {202: 5}
        await twins.services.password_reset.answer_requests()
    assert len(await twins.reset_tokens(person)) == 3
    twins.clock.advance(timedelta(minutes=31))
    for _ in range(4):
        await twins.post("/v1/password-reset", {"email": person.email})
        await twins.services.password_reset.answer_requests()
    assert len(await twins.reset_tokens(person)) == 5
    assert len({*await twins.reset_tokens(person)}) == 5


async def test_two_workers_send_no_more_mails_than_one(twins: Twins) -> None:
    person = await twins.someone(session=False)
    await twins.race([twins.post("/v1/password-reset", {"email": person.email}) for _ in range(30)])
    await asyncio.gather(*(twins.services.password_reset.answer_requests() for _ in range(6)))
    assert len(await twins.reset_tokens(person)) == 3
