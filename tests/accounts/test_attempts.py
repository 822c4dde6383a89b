"""What counts as an attempt, whose it is, and whom it shuts out."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from app.accounts.attempts.in_flight import InFlight
from app.audit.domain import EventFilter
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.marks import given_settings
from tests.support.people import (
    EMAIL,
    PASSWORD,
    STEP,
    a_session,
    an_account,
    answer_challenge,
    bearer,
    begin,
    enroll,
    enrolled_account,
    totp_code,
    wrong_code,
)

pytestmark = pytest.mark.anyio

WRONG = "a wrong one entirely"
HOME = "198.51.100.7"


async def log_in_from(
    api: httpx.AsyncClient, address: str, password: str = PASSWORD, *, email: str = EMAIL, **more: str
) -> httpx.Response:
    body = {"email": email, "password": password, **more}
    return await api.post("/v1/login", json=body, headers={"X-Forwarded-For": address})


async def strangers_guess(api: httpx.AsyncClient, times: int, email: str = EMAIL) -> None:
    """Each from an address of its own."""
    for number in range(times):
        refused(await log_in_from(api, f"203.0.113.{number}", WRONG, email=email), 401, "invalid_credentials")


@given_settings(wrong_passwords_per_account=12)
async def test_one_address_alone_shuts_nobody_out(api: httpx.AsyncClient, services: Services) -> None:
    """What its own budget refuses is not counted against everybody."""
    await an_account(services)
    answers = [await log_in_from(api, "203.0.113.1", WRONG) for _ in range(20)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 10
    granted(await log_in_from(api, HOME))


@given_settings(requests_per_client_minute=5, wrong_passwords_per_client=8)
async def test_a_request_too_many_is_no_wrong_password(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    answers = [await log_in_from(api, HOME, WRONG) for _ in range(20)]
    assert [answer.json()["code"] for answer in answers] == ["invalid_credentials"] * 5 + ["rate_limited"] * 15
    clock.advance(timedelta(seconds=61))
    granted(await log_in_from(api, HOME))


@given_settings(wrong_passwords_per_account=3)
async def test_an_address_is_known_for_thirty_days(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    granted(await log_in_from(api, HOME))
    clock.advance(timedelta(days=29))
    await strangers_guess(api, 3)
    granted(await log_in_from(api, HOME))
    clock.advance(timedelta(days=30))
    await strangers_guess(api, 3)
    refused(await log_in_from(api, HOME), 429, "too_many_attempts")


@given_settings(wrong_passwords_per_account=3)
async def test_an_address_is_known_to_its_own_account_alone(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await an_account(services, "eve@example.com")
    granted(await log_in_from(api, "192.0.2.66", email="eve@example.com"))
    await strangers_guess(api, 3)
    refused(await log_in_from(api, "192.0.2.66"), 429, "too_many_attempts")


@given_settings(wrong_passwords_per_account=3)
async def test_a_password_alone_makes_no_address_known_where_a_code_is_wanted(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    assert granted(await log_in_from(api, "192.0.2.66"))["status"] == "two_factor_required"
    await strangers_guess(api, 3)
    refused(await log_in_from(api, "192.0.2.66"), 429, "too_many_attempts")


async def test_right_passwords_use_up_no_budget(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    for _ in range(12):
        assert granted(await log_in_from(api, HOME))["status"] == "two_factor_required"
    clock.advance(STEP)
    granted(await log_in_from(api, HOME, code=totp_code(device.secret, clock.now())))


@given_settings(wrong_codes_per_account=1)
async def test_a_limit_of_one_wrong_code_locks_at_once(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    clock.advance(STEP)
    wrong = refused(await log_in_from(api, HOME, code=wrong_code(device.secret, clock)), 401, "invalid_code")
    assert wrong["attempts_remaining"] == 0
    right = totp_code(device.secret, clock.now())
    locked = await log_in_from(api, HOME, code=right)
    refused(locked, 429, "too_many_attempts")
    assert locked.headers["Retry-After"] == "900"


@given_settings(wrong_codes_per_account=1)
async def test_a_locked_account_takes_no_code_with_a_challenge_and_counts_none_on_it(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    challenge = granted(await log_in_from(api, HOME))["challenge"]
    refused(await log_in_from(api, HOME, code=wrong_code(device.secret, clock)), 401, "invalid_code")
    locked = await answer_challenge(api, challenge, totp_code(device.secret, clock.now()))
    refused(locked, 429, "too_many_attempts")
    assert locked.headers["Retry-After"] == "900"
    async with services.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT wrong_codes FROM login_challenges")) == 0


@given_settings(requests_per_client_minute=3)
async def test_the_second_step_of_a_log_in_is_a_request_too(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    answers = [await answer_challenge(api, "tkc_" + "A" * 43, "123456") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    refused(answers[3], 429, "rate_limited")


@given_settings(requests_per_client_minute=2)
async def test_requests_for_a_reset_are_limited_and_a_refused_one_sends_nothing(
    api: httpx.AsyncClient, services: Services
) -> None:
    answers = [await api.post("/v1/password-reset", json={"email": EMAIL}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    refused(answers[2], 429, "rate_limited")
    assert await services.password_reset.answer_requests() == 2


async def test_wrong_codes_at_a_confirm_are_counted_and_end_in_a_lock(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = bearer(await a_session(api))
    secret = (await begin(api, session["Authorization"].removeprefix("Bearer ")))["secret"]
    for left in range(9, -1, -1):
        body = {"code": wrong_code(secret, clock)}
        answer = refused(await api.post("/v1/me/2fa/confirm", json=body, headers=session), 403, "invalid_code")
        assert answer["attempts_remaining"] == left
    body = {"code": totp_code(secret, clock.now())}
    refused(await api.post("/v1/me/2fa/confirm", json=body, headers=session), 429, "too_many_attempts")


async def test_a_log_in_to_nobody_is_recorded_under_nobody(api: httpx.AsyncClient, services: Services) -> None:
    refused(await log_in_from(api, HOME, email="nobody@example.com"), 401, "invalid_credentials")
    found = await services.admin.events(EventFilter(), after=None, limit=10)
    assert [(event.type, event.account_id, event.requester.address) for event in found.items] == [
        ("login.failed", None, HOME)
    ]


@given_settings(requests_per_client_minute=1000)
async def test_right_passwords_at_once_are_no_wrong_ones(api: httpx.AsyncClient, services: Services) -> None:
    """Each counts as wrong until it is looked at; whoever comes meanwhile waits for that."""
    await an_account(services)
    answers = await asyncio.gather(*(log_in_from(api, HOME) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    token = answers[0].json()["access_token"]
    proofs = [api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=bearer(token)) for _ in range(40)]
    assert {answer.status_code for answer in await asyncio.gather(*proofs)} == {201}


@given_settings(requests_per_client_minute=1000)
async def test_wrong_passwords_at_once_are_ten_looks(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    answers = await asyncio.gather(*(log_in_from(api, HOME, WRONG) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [401] * 10 + [429] * 30
    assert (await log_in_from(api, HOME)).status_code == 429


async def test_who_gives_up_waiting_lets_the_next_one_in() -> None:
    in_flight, log = InFlight(), []

    async def attempt(name: str) -> None:
        with in_flight.track("key"):
            assert await in_flight.another_ended("key")
            log.append(name)

    with in_flight.track("key"):
        assert not await in_flight.another_ended("key"), "nobody else is there to wait for"
        waiting = [asyncio.create_task(attempt(name)) for name in ("first", "second", "third")]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*waiting[1:])
    assert log == ["second", "third"]


async def test_who_gave_up_at_this_very_moment_is_not_the_one_who_is_woken() -> None:
    in_flight, log = InFlight(), []

    async def attempt(name: str) -> None:
        with in_flight.track("key"):
            assert await in_flight.another_ended("key")
            log.append(name)

    with in_flight.track("key"):
        waiting = [asyncio.create_task(attempt(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        waiting[0].cancel()
    await waiting[1]
    assert log == ["second"]
    assert waiting[0].cancelled()


async def guess_from_everywhere(api: httpx.AsyncClient, times: int, email: str, *, first: int = 0) -> list[int]:
    """Each guess from a network of its own."""
    answers = [
        await log_in_from(api, f"198.18.{number // 250}.{number % 250}", WRONG, email=email)
        for number in range(first, first + times)
    ]
    return [answer.status_code for answer in answers]


@given_settings(wrong_passwords_per_account=12)
async def test_a_lock_does_not_tell_whether_the_owner_logs_in(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """What strangers see of an account whose owner comes and goes is what they see of no account."""
    await an_account(services)
    granted(await log_in_from(api, HOME))
    seen: dict[str, list[int]] = {EMAIL: [], "nobody@example.com": []}
    for round_ in range(6):
        for email, statuses in seen.items():
            statuses.extend(await guess_from_everywhere(api, 14, email, first=round_ * 20))
        clock.advance(timedelta(seconds=7))
        refused(await log_in_from(api, HOME, WRONG), 401, "invalid_credentials")
        granted(await log_in_from(api, HOME))
        for email, statuses in seen.items():
            statuses.extend(await guess_from_everywhere(api, 2, email, first=round_ * 20 + 15))
        clock.advance(timedelta(minutes=2))
    assert seen[EMAIL] == seen["nobody@example.com"]
    assert {401, 429} == set(seen[EMAIL])


@given_settings(wrong_passwords_per_account=12)
async def test_a_right_password_from_a_new_address_lifts_no_lock_of_strangers(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    assert (await guess_from_everywhere(api, 14, EMAIL))[11:] == [401, 429, 429]
    clock.advance(timedelta(seconds=61))
    granted(await log_in_from(api, HOME))
    clock.advance(timedelta(seconds=1))
    assert await guess_from_everywhere(api, 2, EMAIL, first=30) == [401, 429]


@given_settings(wrong_passwords_per_account=12)
async def test_a_right_password_ends_a_streak_that_has_not_locked(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    assert await guess_from_everywhere(api, 11, EMAIL) == [401] * 11
    clock.advance(timedelta(seconds=1))
    granted(await log_in_from(api, HOME))
    clock.advance(timedelta(seconds=1))
    assert await guess_from_everywhere(api, 12, EMAIL, first=30) == [401] * 12
    assert await guess_from_everywhere(api, 1, EMAIL, first=60) == [429]


@given_settings(wrong_passwords_per_account=12)
async def test_a_streak_is_forgotten_after_a_day_without_an_attempt(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await guess_from_everywhere(api, 13, EMAIL)
    clock.advance(timedelta(days=1))
    assert await guess_from_everywhere(api, 12, EMAIL, first=30) == [401] * 12
