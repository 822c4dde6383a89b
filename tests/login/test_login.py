"""Logging in, in one step or two, and logging out."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.accounts.repository import AccountRows
from app.security.hasher import Hasher
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, moment, refused
from tests.support.people import (
    EMAIL,
    PASSWORD,
    STEP,
    a_session,
    an_account,
    an_operator,
    answer_challenge,
    bearer,
    enroll,
    enrolled_account,
    log_in,
    totp_code,
    wrong_code,
)

WRONG = "a wrong one entirely"


async def challenge_of(api: httpx.AsyncClient) -> str:
    response = granted(await log_in(api))
    assert response["status"] == "two_factor_required"
    return str(response["challenge"])


async def test_a_grant_has_the_documented_shape(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    account = await an_account(services)

    grant = granted(await log_in(api))

    assert grant.keys() == {"status", "access_token", "token_type", "expires_in", "token", "account"}
    assert (grant["status"], grant["token_type"], grant["expires_in"]) == ("authenticated", "Bearer", 86400)
    assert re.fullmatch(r"tks_[A-Za-z0-9_-]{43}", grant["access_token"])
    token = grant["token"]
    assert token.keys() == {
        "id",
        "kind",
        "description",
        "created_at",
        "expires_at",
        "last_used_at",
        "last_used_ip",
        "last_used_user_agent",
        "user_agent",
        "extend_when_used",
        "amr",
        "scopes",
        "ip_allowlist",
        "current",
    }
    assert (token["kind"], token["description"], token["amr"]) == ("session", None, ["pwd"])
    assert (token["extend_when_used"], token["current"]) == (False, True)
    assert moment(token["created_at"]) == clock.now().replace(microsecond=0)
    assert moment(token["expires_at"]) - moment(token["created_at"]) == timedelta(days=1)
    assert grant["account"] == {
        "id": str(account.id),
        "email": EMAIL,
        "created_at": "2026-03-14T15:09:26.000Z",
        "status": "active",
        "external_id": None,
        "email_verified_at": None,
        "pending_email": None,
        "last_login_at": "2026-03-14T15:09:26.000Z",
        "locale": None,
        "two_factor": {
            "status": "disabled",
            "enabled_at": None,
            "last_used_at": None,
            "enrollment_expires_at": None,
            "recovery_codes_remaining": 0,
            "methods": [],
            "clears_at": None,
            "required": False,
            "required_from": None,
        },
    }


async def test_the_first_log_in_settles_the_language(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    body = {"email": EMAIL, "password": PASSWORD}

    for header in ("en;q=0.5, de-DE", "fr"):
        answer = await api.post("/v1/login", json=body, headers={"Accept-Language": header})
        assert granted(answer)["account"]["locale"] == "de-DE"


async def test_a_language_that_is_known_outlives_the_first_log_in(api: httpx.AsyncClient, services: Services) -> None:
    await services.admin.create(EMAIL, SecretStr(PASSWORD), an_operator(services), locale="de")
    body = {"email": EMAIL, "password": PASSWORD}

    answer = await api.post("/v1/login", json=body, headers={"Accept-Language": "fr"})

    assert granted(answer)["account"]["locale"] == "de"


async def test_without_two_factor_a_code_is_ignored(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)

    for code in ("123456", None, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"):
        assert granted(await log_in(api, code=code))["status"] == "authenticated"


async def test_the_case_of_an_address_does_not_matter(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)

    assert granted(await log_in(api, "ADA@Example.COM"))["account"]["email"] == EMAIL


async def test_every_wrong_credential_gets_the_same_bytes(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    other = await an_account(services, "disabled@example.com")
    await services.admin.disable(other.id, an_operator(services))
    right_code = totp_code(device.secret, clock.now())

    answers = [
        await log_in(api, "nobody@example.com"),
        await log_in(api, password=WRONG),
        await log_in(api, "disabled@example.com"),
        await log_in(api, password=WRONG, code=right_code),
        await log_in(api, password="x" * 300),
    ]

    bodies = []
    for answer in answers:
        body = refused(answer, 401, "invalid_credentials")
        assert "www-authenticate" not in answer.headers
        bodies.append(answer.text.replace(body["request_id"], ""))
    assert len(set(bodies)) == 1
    assert len({tuple(sorted(answer.headers.keys())) for answer in answers}) == 1
    assert granted(await log_in(api, code=right_code))["status"] == "authenticated", "the code was not used up"


async def test_a_challenge_has_the_documented_shape(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await enrolled_account(api, services, clock)

    response = granted(await log_in(api))

    challenge = response.pop("challenge")
    assert re.fullmatch(r"tkc_[A-Za-z0-9_-]{43}", challenge)
    assert response == {"status": "two_factor_required", "expires_in": 300, "methods": ["totp", "recovery_code"]}


async def test_log_in_takes_two_steps(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)

    answer = await answer_challenge(api, await challenge_of(api), totp_code(device.secret, clock.now()))

    grant = granted(answer)
    assert grant["token"]["amr"] == ["pwd", "otp", "mfa"]
    assert grant["account"]["two_factor"]["last_used_at"] == "2026-03-14T15:09:56.000Z"
    assert (await api.get("/v1/me", headers=bearer(grant["access_token"]))).status_code == 200


async def test_log_in_takes_one_call_with_the_code(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)

    grant = granted(await log_in(api, code=totp_code(device.secret, clock.now())))

    assert grant["token"]["amr"] == ["pwd", "otp", "mfa"]


@pytest.mark.parametrize("written", [str, str.lower, lambda code: code.replace("-", ""), lambda code: f"{code}-"])
async def test_a_recovery_code_logs_in_once(
    api: httpx.AsyncClient, services: Services, clock: SetClock, written: Any
) -> None:
    device = await enrolled_account(api, services, clock)
    code = written(device.recovery_codes[3])

    grant = granted(await answer_challenge(api, await challenge_of(api), code))

    assert grant["token"]["amr"] == ["pwd", "recovery_code", "mfa"]
    assert grant["account"]["two_factor"]["recovery_codes_remaining"] == 9
    refused(await answer_challenge(api, await challenge_of(api), code), 401, "invalid_code")
    refused(await log_in(api, code=code), 401, "invalid_code")
    assert granted(await log_in(api, code=device.recovery_codes[4]))["status"] == "authenticated"


async def test_a_right_password_with_a_wrong_code_says_so(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)

    refused(await log_in(api, code=wrong_code(device.secret, clock)), 401, "invalid_code")
    refused(await log_in(api, code="AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"), 401, "invalid_code")


async def test_a_challenge_ends_with_its_fifth_wrong_code(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    challenge, wrong = await challenge_of(api), wrong_code(device.secret, clock)

    left = [
        refused(await answer_challenge(api, challenge, wrong), 401, "invalid_code")["attempts_remaining"]
        for _ in range(4)
    ]

    assert left == [4, 3, 2, 1]
    refused(await answer_challenge(api, challenge, wrong), 401, "challenge_expired")
    right = totp_code(device.secret, clock.now())
    refused(await answer_challenge(api, challenge, right), 401, "challenge_expired")
    assert granted(await answer_challenge(api, await challenge_of(api), right))["status"] == "authenticated"


async def test_a_challenge_lives_five_minutes(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    in_time, too_late = await challenge_of(api), await challenge_of(api)

    clock.advance(timedelta(seconds=299))
    granted(await answer_challenge(api, in_time, totp_code(device.secret, clock.now())))
    clock.advance(timedelta(seconds=1))
    code = totp_code(device.secret, clock.now(), steps=1)
    refused(await answer_challenge(api, too_late, code), 401, "challenge_expired")


async def test_a_challenge_is_used_once(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    challenge = await challenge_of(api)
    granted(await answer_challenge(api, challenge, totp_code(device.secret, clock.now())))

    refused(await answer_challenge(api, challenge, device.recovery_codes[0]), 401, "challenge_expired")

    state = granted(await api.get("/v1/me/2fa", headers=bearer(await token_by(api, device.recovery_codes[1]))))
    assert state["recovery_codes_remaining"] == 9, "the recovery code that met a used challenge was not burned"


async def token_by(api: httpx.AsyncClient, code: str) -> str:
    return str(granted(await log_in(api, code=code))["access_token"])


@pytest.mark.parametrize(
    "challenge",
    ["tkc_" + "A" * 43, "tks_" + "A" * 43, "tkc_", "nothing", "A" * 256],
)
async def test_what_is_no_challenge_has_expired(api: httpx.AsyncClient, challenge: str) -> None:
    refused(await answer_challenge(api, challenge, "123456"), 401, "challenge_expired")


async def test_a_code_counts_once_whatever_accepted_it(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    confirming = totp_code(device.secret, clock.now())

    refused(await log_in(api, code=confirming), 401, "invalid_code")
    refused(await answer_challenge(api, await challenge_of(api), confirming), 401, "invalid_code")

    clock.advance(STEP)
    refused(await log_in(api, code=confirming), 401, "invalid_code")
    code = totp_code(device.secret, clock.now())
    granted(await log_in(api, code=code))
    refused(await log_in(api, code=code), 401, "invalid_code")


async def test_the_window_is_one_step_either_side(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    clock.advance(10 * STEP)

    for steps in (-2, 2):
        refused(await log_in(api, code=totp_code(device.secret, clock.now(), steps=steps)), 401, "invalid_code")
    for steps in (-1, 0, 1):
        granted(await log_in(api, code=totp_code(device.secret, clock.now(), steps=steps)))
    for steps in (-1, 0, 1):
        code = totp_code(device.secret, clock.now(), steps=steps)
        refused(await log_in(api, code=code), 401, "invalid_code")


async def test_after_the_newest_step_no_older_one_counts(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    clock.advance(10 * STEP)

    granted(await log_in(api, code=totp_code(device.secret, clock.now(), steps=1)))

    for steps in (-1, 0):
        code = totp_code(device.secret, clock.now(), steps=steps)
        refused(await log_in(api, code=code), 401, "invalid_code")


@pytest.mark.parametrize(
    "code",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        " 123456",
        "123 456",
        "123456\n",
        "١٢٣٤٥٦",
        "１２３４５６",
        "AAAA-BBBB-CCCC-DDDD-EEEE-FFF",
        "AAAA-BBBB-CCCC-DDDD-EEEE-FFF1",
        "ſAAA-BBBB-CCCC-DDDD-EEEE-FFFF",
        "A" * 24 + "-" * 100,
        123456,
        123456.0,
        True,
        ["123456"],
    ],
)
async def test_a_code_of_neither_shape_is_unprocessable(api: httpx.AsyncClient, services: Services, code: Any) -> None:
    await an_account(services)

    body = refused(await log_in(api, code=code), 422, "invalid_request")

    assert [error["pointer"] for error in body["errors"]] == ["/code"]


async def test_the_second_step_needs_a_code(api: httpx.AsyncClient) -> None:
    for values in ({}, {"code": None}):
        answer = await api.post("/v1/login/two-factor", json={"challenge": "tkc_" + "A" * 43, **values})
        assert refused(answer, 422, "invalid_request")["errors"][0]["pointer"] == "/code"


async def test_log_out_ends_the_calling_token_alone(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    leaving, staying = await a_session(api), await a_session(api)

    answer = await api.post("/v1/logout", headers=bearer(leaving))

    assert (answer.status_code, answer.content) == (204, b"")
    refused(await api.get("/v1/me", headers=bearer(leaving)), 401, "invalid_token")
    refused(await api.post("/v1/logout", headers=bearer(leaving)), 401, "invalid_token")
    granted(await api.get("/v1/me", headers=bearer(staying)))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer tks_" + "A" * 43,
        "Bearer tks_short",
        "Bearer tki_" + "A" * 43,
        "Basic dGtzOng=",
        "Token tks_" + "A" * 43,
        "Bearer \u00e9\u00e9".encode("latin-1"),
    ],
)
async def test_what_is_no_live_token_is_unauthorised(api: httpx.AsyncClient, header: str | bytes | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for method, path in [("GET", "/v1/me"), ("POST", "/v1/logout"), ("GET", "/v1/me/tokens"), ("GET", "/v1/me/2fa")]:
        answer = await api.request(method, path, headers=headers)  # type: ignore[arg-type]
        refused(answer, 401, "invalid_token")


async def test_a_token_in_a_cookie_or_a_query_proves_nothing(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)

    refused(await api.get("/v1/me", params={"access_token": token, "token": token}), 401, "invalid_token")
    refused(await api.get("/v1/me", headers={"Cookie": f"access_token={token}; token={token}"}), 401, "invalid_token")


async def test_the_hash_is_renewed_at_log_in_when_its_costs_change(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    with_other_costs = Hasher(memory_kib=1024, time_cost=2, parallelism=1, threads=1, queue=1)
    old = await with_other_costs.hash(SecretStr(PASSWORD))
    with_other_costs.close()
    async with services.database.autocommit() as connection:
        await AccountRows(connection).rehash(account, old)

    granted(await log_in(api))

    async with services.database.autocommit() as connection:
        renewed = await services.accounts.with_address(connection, EMAIL)
    assert renewed is not None
    assert renewed.password_hash not in {old, None}
    granted(await log_in(api))


async def test_events_tell_how_a_log_in_went(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    await log_in(api, password=WRONG)
    await log_in(api, code=wrong_code(device.secret, clock))
    token = await token_by(api, device.recovery_codes[0])

    events = granted(await api.get("/v1/me/events", params={"limit": 4}, headers=bearer(token)))["items"]

    assert [event["type"] for event in events] == [
        "login.succeeded",
        "recovery_code.used",
        "two_factor.code_refused",
        "login.failed",
    ]
    assert events[0]["details"] == {"amr": ["pwd", "recovery_code", "mfa"]}
    assert events[1]["details"] == {"remaining": 9}
    assert events[3]["details"] == {"reason": "wrong_password"}


async def test_the_second_wrong_code_in_a_row_hints_at_the_clock(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    challenge = granted(await log_in(api))["challenge"]
    wrong = wrong_code(device.secret, clock)
    first = refused(await answer_challenge(api, challenge, wrong), 401, "invalid_code")
    assert "check_device_clock" not in first
    for code in (wrong, "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA", totp_code(device.secret, clock.now(), steps=6)):
        body = refused(await answer_challenge(api, challenge, code), 401, "invalid_code")
        assert body["check_device_clock"] is True
        assert not body.keys() & {"clock_skew_seconds", "server_time"}


async def test_the_hint_counts_over_both_ways_to_log_in(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    wrong = wrong_code(device.secret, clock)
    assert "check_device_clock" not in refused(await log_in(api, code=wrong), 401, "invalid_code")
    assert refused(await log_in(api, code=wrong), 401, "invalid_code")["check_device_clock"] is True
    granted(await log_in(api, code=totp_code(device.secret, clock.now())))
    assert "check_device_clock" not in refused(await log_in(api, code=wrong), 401, "invalid_code")
