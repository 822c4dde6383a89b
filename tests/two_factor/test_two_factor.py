"""Two-factor authentication: enroll, confirm, disable, replace the recovery codes."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.database.engine import metadata
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, moment, refused
from tests.support.marks import given_settings
from tests.support.people import (
    EMAIL,
    PASSWORD,
    STEP,
    a_session,
    an_account,
    bearer,
    begin,
    enroll,
    enrolled_account,
    log_in,
    totp_code,
    wrong_code,
)
from tests.two_factor.authenticator import Authenticator, read_png, read_svg

WRONG = "a wrong one entirely"
NO_CODE = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
DISABLED: dict[str, Any] = {
    "status": "disabled",
    "enabled_at": None,
    "last_used_at": None,
    "enrollment_expires_at": None,
    "recovery_codes_remaining": 0,
    "methods": [],
    "clears_at": None,
    "required": False,
    "required_from": None,
}


async def state(api: httpx.AsyncClient, token: str) -> dict[str, Any]:
    return granted(await api.get("/v1/me/2fa", headers=bearer(token)))


async def confirm(api: httpx.AsyncClient, token: str, code: str) -> httpx.Response:
    return await api.post("/v1/me/2fa/confirm", json={"code": code}, headers=bearer(token))


async def disable(api: httpx.AsyncClient, token: str, **body: Any) -> httpx.Response:
    return await api.post("/v1/me/2fa/disable", json={"password": PASSWORD, **body}, headers=bearer(token))


async def replace_codes(api: httpx.AsyncClient, token: str, password: str = PASSWORD) -> httpx.Response:
    return await api.post("/v1/me/2fa/recovery-codes", json={"password": password}, headers=bearer(token))


async def a_personal_token(api: httpx.AsyncClient, token: str) -> str:
    answer = await api.post("/v1/me/tokens", json={"description": "backup"}, headers=bearer(token))
    return str(granted(answer, 201)["access_token"])


async def rows_of(services: Services, table: str) -> int:
    async with services.database.autocommit() as connection:
        found = await connection.scalar(select(func.count()).select_from(metadata.tables[table]))
    return int(found or 0)


# Enrollment


async def test_an_enrollment_has_the_documented_shape(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    assert await state(api, token) == DISABLED

    issued = await begin(api, token)

    assert re.fullmatch(r"[A-Z2-7]{32}", issued["secret"])
    assert moment(issued["expires_at"]) == clock.now() + timedelta(minutes=10)
    fixed = {key: issued[key] for key in ("issuer", "account_name", "algorithm", "digits", "period")}
    assert fixed == {
        "issuer": "Twokeys",
        "account_name": EMAIL,
        "algorithm": "SHA1",
        "digits": 6,
        "period": 30,
    }
    assert issued.keys() == fixed.keys() | {"id", "secret", "otpauth_uri", "qr_svg", "qr_png", "expires_at"}
    assert await state(api, token) == DISABLED | {
        "status": "pending",
        "enrollment_expires_at": issued["expires_at"],
    }


@pytest.mark.parametrize(
    ("email", "changes"),
    [
        ("ada@example.com", {}),
        ("ada+two%keys@example.com", {"issuer": "Ham & Eggs"}),
        ("o'neil_{x}=y/z?a#b~c@sub-domain.example.com", {"issuer": "100% @home + more"}),
        ("a.rather.long.local.part.that.goes.on.and.on.for.sixty.four.chars@example.com", {"issuer": "Ä" * 64}),
        ("ada@example.com", {"issuer": "🔑 Zwei Schlüssel"}),
        ("ada@xn--bcher-kva.example", {"issuer": "Кирилл ?=&#/%25"}),
    ],
    ids=["plain", "ampersand", "punctuation", "long", "emoji", "encoded already"],
)
async def test_both_pictures_carry_the_label_to_another_app(
    api: httpx.AsyncClient, services: Services, clock: SetClock, email: str, changes: dict[str, Any]
) -> None:
    account = await an_account(services, email)
    token = await a_session(api, email)

    issued = await begin(api, token)

    assert read_png(issued["qr_png"]) == read_svg(issued["qr_svg"]) == issued["otpauth_uri"]
    app = Authenticator.scan(read_png(issued["qr_png"]))
    assert app == Authenticator(changes.get("issuer", "Twokeys"), account.address, issued["secret"])
    granted(await confirm(api, token, app.code(clock.now())))


async def test_a_new_enrollment_replaces_the_pending_one(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    first, second = await begin(api, token), await begin(api, token)
    assert first["secret"] != second["secret"]

    refused(await confirm(api, token, totp_code(first["secret"], clock.now())), 403, "invalid_code")
    granted(await confirm(api, token, totp_code(second["secret"], clock.now())))


async def test_a_pending_enrollment_can_be_dropped(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    token = await a_session(api)
    issued = await begin(api, token)

    for _ in range(2):
        answer = await api.delete("/v1/me/2fa/enrollment", headers=bearer(token))
        assert (answer.status_code, answer.content) == (204, b"")

    assert await state(api, token) == DISABLED
    refused(await confirm(api, token, totp_code(issued["secret"], clock.now())), 409, "no_pending_enrollment")


async def test_dropping_leaves_an_enabled_device_alone(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)

    assert (await api.delete("/v1/me/2fa/enrollment", headers=bearer(device.token))).status_code == 204

    assert (await state(api, device.token))["status"] == "enabled"


async def test_enrolling_asks_for_the_password(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)

    answer = await api.post("/v1/me/2fa/enrollment", json={"password": WRONG}, headers=bearer(token))

    refused(answer, 403, "wrong_password")
    assert await state(api, token) == DISABLED


async def test_one_device_at_a_time(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)

    answer = await api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=bearer(device.token))

    refused(answer, 409, "two_factor_already_enabled")


# Confirmation


async def test_a_confirmation_has_the_documented_shape(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    others = [await a_session(api), await a_session(api)]
    token = await a_session(api)
    personal = await a_personal_token(api, token)
    issued = await begin(api, token)
    clock.advance(STEP)

    confirmed = granted(await confirm(api, token, totp_code(issued["secret"], clock.now())))

    assert confirmed.keys() == {"two_factor", "recovery_codes", "grant", "revoked", "authenticator"}
    enabled = {
        "status": "enabled",
        "enabled_at": "2026-03-14T15:09:56.000Z",
        "last_used_at": "2026-03-14T15:09:56.000Z",
        "enrollment_expires_at": None,
        "recovery_codes_remaining": 10,
        "methods": ["totp"],
        "clears_at": None,
        "required": False,
        "required_from": None,
    }
    assert confirmed["two_factor"] == confirmed["grant"]["account"]["two_factor"] == enabled
    codes = confirmed["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){5}", code) for code in codes)
    assert confirmed["grant"]["token"]["amr"] == ["pwd", "otp", "mfa"]
    assert confirmed["revoked"] == {"sessions": 3, "personal_tokens": 1}
    for dead in (*others, token, personal):
        refused(await api.get("/v1/me", headers=bearer(dead)), 401, "invalid_token")
    assert await state(api, confirmed["grant"]["access_token"]) == enabled


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_confirming_takes_the_window_of_a_log_in(
    api: httpx.AsyncClient, services: Services, clock: SetClock, steps: int
) -> None:
    await an_account(services)
    token = await a_session(api)
    issued = await begin(api, token)

    granted(await confirm(api, token, totp_code(issued["secret"], clock.now(), steps=steps)))


@pytest.mark.parametrize(("steps", "skew"), [(-10, -300), (-2, -60), (2, 60), (10, 300)])
async def test_a_clock_that_is_off_is_told_how_far(
    api: httpx.AsyncClient, services: Services, clock: SetClock, steps: int, skew: int
) -> None:
    await an_account(services)
    token = await a_session(api)
    issued = await begin(api, token)

    answer = await confirm(api, token, totp_code(issued["secret"], clock.now(), steps=steps))

    body = refused(answer, 403, "invalid_code")
    assert (body["attempts_remaining"], body["clock_skew_seconds"]) == (9, skew)
    assert moment(body["server_time"]) == clock.now()
    assert (await state(api, token))["status"] == "pending"


@pytest.mark.parametrize("steps", [-11, 11, None])
async def test_no_skew_is_told_beyond_five_minutes(
    api: httpx.AsyncClient, services: Services, clock: SetClock, steps: int | None
) -> None:
    await an_account(services)
    token = await a_session(api)
    issued = await begin(api, token)
    code = NO_CODE if steps is None else totp_code(issued["secret"], clock.now(), steps=steps)

    body = refused(await confirm(api, token, code), 403, "invalid_code")

    assert body["attempts_remaining"] == 9
    assert not body.keys() & {"clock_skew_seconds", "server_time"}


async def test_an_enrollment_lives_ten_minutes(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    token = await a_session(api)
    issued = await begin(api, token)

    clock.advance(timedelta(minutes=10))

    assert await state(api, token) == DISABLED
    refused(await confirm(api, token, totp_code(issued["secret"], clock.now())), 410, "enrollment_expired")
    again = await begin(api, token)
    clock.advance(timedelta(minutes=9, seconds=59))
    granted(await confirm(api, token, totp_code(again["secret"], clock.now())))


async def test_there_must_be_something_to_confirm(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    refused(await confirm(api, await a_session(api), "123456"), 409, "no_pending_enrollment")

    device = await enroll(api, await a_session(api), clock.now())

    code = totp_code(device.secret, clock.now(), steps=1)
    refused(await confirm(api, device.token, code), 409, "no_pending_enrollment")


# Disabling


async def test_a_disabling_has_the_documented_shape(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    other = granted(await log_in(api, code=totp_code(device.secret, clock.now())))["access_token"]
    personal = await a_personal_token(api, other)
    challenge = granted(await log_in(api))["challenge"]

    off = granted(await disable(api, device.token))

    assert off.keys() == {"two_factor", "grant", "revoked"}
    assert off["two_factor"] == off["grant"]["account"]["two_factor"] == DISABLED
    assert off["grant"]["token"]["amr"] == ["pwd"]
    assert off["revoked"] == {"sessions": 2, "personal_tokens": 1}
    for dead in (device.token, other, personal):
        refused(await api.get("/v1/me", headers=bearer(dead)), 401, "invalid_token")
    step = {"challenge": challenge, "code": device.recovery_codes[0]}
    refused(await api.post("/v1/login/two-factor", json=step), 401, "challenge_expired")
    assert await state(api, off["grant"]["access_token"]) == DISABLED
    assert granted(await log_in(api))["status"] == "authenticated"


async def test_disabling_leaves_no_residue(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)

    granted(await disable(api, device.token))

    assert await rows_of(services, "authenticators") == 0
    assert await rows_of(services, "recovery_codes") == 0


async def test_disabling_asks_for_the_password(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)

    refused(await disable(api, device.token, password=WRONG), 403, "wrong_password")

    assert (await state(api, device.token))["status"] == "enabled"


async def test_nothing_to_disable(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    refused(await disable(api, token), 409, "two_factor_not_enabled")

    await begin(api, token)

    refused(await disable(api, token), 409, "two_factor_not_enabled")
    assert (await state(api, token))["status"] == "pending"


async def test_a_code_that_is_sent_to_disable_must_be_right(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)

    refused(await disable(api, device.token, code=NO_CODE), 403, "invalid_code")
    old = totp_code(device.secret, clock.now(), steps=-1)
    body = refused(await disable(api, device.token, code=old), 403, "invalid_code")

    assert body["attempts_remaining"] == 8
    granted(await disable(api, device.token, code=totp_code(device.secret, clock.now())))


async def test_no_code_and_null_are_the_same_for_disabling(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)

    granted(await disable(api, device.token, code=None))


@given_settings(disable_requires_code=True)
async def test_a_setting_makes_disabling_ask_for_a_code(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    clock.advance(timedelta(seconds=901))

    for body in ({}, {"code": None}):
        answer = refused(await disable(api, device.token, **body), 422, "invalid_request")
        assert [error["pointer"] for error in answer["errors"]] == ["/code"]
    refused(await disable(api, device.token, code=NO_CODE), 403, "invalid_code")
    refused(await disable(api, device.token, password=WRONG, code=device.recovery_codes[0]), 403, "wrong_password")

    granted(await disable(api, device.token, code=device.recovery_codes[0]))


@given_settings(disable_requires_code=True)
async def test_a_fresh_session_counts_as_the_code_to_disable(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    granted(await disable(api, device.token))


async def test_a_new_device_has_a_new_secret(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    token = granted(await disable(api, device.token))["grant"]["access_token"]

    again = await enroll(api, token, clock.now())

    assert again.secret != device.secret
    assert not set(again.recovery_codes) & set(device.recovery_codes)
    clock.advance(STEP)
    refused(await log_in(api, code=totp_code(device.secret, clock.now())), 401, "invalid_code")
    refused(await log_in(api, code=device.recovery_codes[0]), 401, "invalid_code")
    granted(await log_in(api, code=totp_code(again.secret, clock.now())))


# Recovery codes


async def test_new_recovery_codes_end_the_old_set(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    granted(await log_in(api, code=device.recovery_codes[0]))

    fresh = granted(await replace_codes(api, device.token), 201)

    assert fresh.keys() == {"recovery_codes"}
    assert len(set(fresh["recovery_codes"])) == 10
    assert (await state(api, device.token))["recovery_codes_remaining"] == 10, "the calling session lives on"
    refused(await log_in(api, code=device.recovery_codes[1]), 401, "invalid_code")
    granted(await log_in(api, code=fresh["recovery_codes"][0]))


async def test_new_recovery_codes_ask_for_the_password_and_a_device(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    refused(await replace_codes(api, token, WRONG), 403, "wrong_password")
    refused(await replace_codes(api, token), 409, "two_factor_not_enabled")
    await begin(api, token)
    refused(await replace_codes(api, token), 409, "two_factor_not_enabled")

    device = await enroll(api, token, clock.now())

    refused(await replace_codes(api, device.token, WRONG), 403, "wrong_password")
    granted(await log_in(api, code=device.recovery_codes[0]))


# Who may


async def test_a_personal_token_may_read_and_nothing_else(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    personal = bearer(await a_personal_token(api, device.token))
    token_id = granted(await api.get("/v1/me/tokens", headers=personal))["items"][0]["id"]

    for path in ("/v1/me", "/v1/me/2fa", "/v1/me/tokens", "/v1/me/events"):
        granted(await api.get(path, headers=personal))
    for method, path, body in [
        ("POST", "/v1/me/password", {"current_password": PASSWORD, "new_password": "walnut-harbour-kites-9"}),
        ("POST", "/v1/me/2fa/enrollment", {"password": PASSWORD}),
        ("DELETE", "/v1/me/2fa/enrollment", None),
        ("POST", "/v1/me/2fa/confirm", {"code": "123456"}),
        ("POST", "/v1/me/2fa/disable", {"password": PASSWORD}),
        ("POST", "/v1/me/2fa/recovery-codes", {"password": PASSWORD}),
        ("POST", "/v1/me/tokens", {"description": "more"}),
        ("POST", "/v1/me/tokens/revoke-all", {}),
        ("DELETE", f"/v1/me/tokens/{token_id}", None),
    ]:
        refused(await api.request(method, path, json=body, headers=personal), 403, "session_required")
    assert (await api.post("/v1/logout", headers=personal)).status_code == 204
    refused(await api.get("/v1/me", headers=personal), 401, "invalid_token")


# What is told


async def test_events_and_mails_tell_of_every_change(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    granted(await replace_codes(api, device.token), 201)
    refused(await disable(api, device.token, password=WRONG), 403, "wrong_password")
    token = granted(await disable(api, device.token))["grant"]["access_token"]

    events = granted(await api.get("/v1/me/events", headers=bearer(token)))["items"]

    assert [event["type"] for event in reversed(events)] == [
        "account.created",
        "login.succeeded",
        "two_factor.enrollment_started",
        "two_factor.enabled",
        "recovery_codes.replaced",
        "password.refused",
        "two_factor.disabled",
    ]
    enabled, disabled = events[3], events[0]
    assert enabled["details"] == {
        "amr": ["pwd", "otp", "mfa"],
        "revoked": {"sessions": 1, "personal_tokens": 0},
        "epoch": 1,
    }
    assert disabled["details"]["revoked"] == {"sessions": 1, "personal_tokens": 0}
    async with services.database.autocommit() as connection:
        outbox = metadata.tables["outbox"]
        mails = list(await connection.scalars(select(outbox.c.letter).order_by(outbox.c.id)))
    assert mails == ["two_factor_enabled", "recovery_codes_replaced", "two_factor_disabled"]


async def test_a_code_for_a_replaced_enrollment_counts_as_no_attempt(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    old = await begin(api, token)
    new = await begin(api, token)
    stale = {"code": totp_code(old["secret"], clock.now()), "enrollment_id": old["id"]}
    for _ in range(12):
        answer = await api.post("/v1/me/2fa/confirm", json=stale, headers=bearer(token))
        refused(answer, 409, "no_pending_enrollment")

    wrong = {"code": wrong_code(new["secret"], clock), "enrollment_id": new["id"]}
    answer = await api.post("/v1/me/2fa/confirm", json=wrong, headers=bearer(token))
    assert refused(answer, 403, "invalid_code")["attempts_remaining"] == 9
    right = {"code": totp_code(new["secret"], clock.now()), "enrollment_id": new["id"]}
    granted(await api.post("/v1/me/2fa/confirm", json=right, headers=bearer(token)))


@pytest.mark.parametrize("id", ["", "nonsense", "{0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6}", 7])
async def test_an_enrollment_id_that_is_none_is_refused(api: httpx.AsyncClient, services: Services, id: object) -> None:
    await an_account(services)
    token = await a_session(api)
    await begin(api, token)
    answer = await api.post("/v1/me/2fa/confirm", json={"code": "123456", "enrollment_id": id}, headers=bearer(token))
    assert refused(answer, 422, "invalid_request")["errors"][0]["pointer"] == "/enrollment_id"
