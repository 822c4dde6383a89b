"""Accounts that must have two-factor authentication: the deadline, the ticket, and what is suspended meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.clients.domain import Role
from app.kernel.secret import SecretKind, new_secret
from app.services import Services
from app.settings import Settings, TwoFactorPolicy
from app.tokens.domain import Assurance
from tests.conftest import SetClock, as_local, running_application
from tests.password_reset.test_password_reset import ask
from tests.support.answers import granted, moment, refused
from tests.support.keys import SoftwareKey, a_key, log_in_with_passkey
from tests.support.marks import given_settings
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    STEP,
    Enrolled,
    a_client,
    a_session,
    an_account,
    bearer,
    enroll,
    log_in,
    totp_code,
    wrong_code,
)
from tests.support.postgres import holding

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
REQUIRED = {"two_factor_policy": TwoFactorPolicy.REQUIRED}
at_once = given_settings(two_factor_policy=TwoFactorPolicy.REQUIRED)
in_a_minute = given_settings(two_factor_policy=TwoFactorPolicy.REQUIRED, two_factor_grace_seconds=60)
in_a_week = given_settings(two_factor_policy=TwoFactorPolicy.REQUIRED, two_factor_grace_seconds=7 * 86400)


@pytest.fixture
async def admin(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.ADMIN)


@asynccontextmanager
async def serving(settings: Settings, clock: SetClock, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The same service over the same database, after its operator has changed these settings."""
    async with (
        running_application(settings.model_copy(update=changes), clock) as app,
        httpx.AsyncClient(transport=as_local(app), base_url="http://test") as client,
    ):
        client.services = app.state.services  # type: ignore[attr-defined]
        yield client


def services_of(api: httpx.AsyncClient) -> Services:
    found = api.services  # type: ignore[attr-defined]
    assert isinstance(found, Services)
    return found


async def mails(services: Services) -> list[str]:
    async with services.database.autocommit() as connection:
        return list(await connection.scalars(text("SELECT letter FROM outbox ORDER BY id")))


async def ticket(api: httpx.AsyncClient, email: str = EMAIL) -> str:
    body = granted(await log_in(api, email))
    assert body.keys() == {"status", "ticket", "expires_in", "methods"}
    assert (body["status"], body["expires_in"], body["methods"]) == ("enrollment_required", 600, ["totp", "webauthn"])
    assert body["ticket"].startswith("tke_")
    return str(body["ticket"])


async def begin(api: httpx.AsyncClient, secret: str, **more: Any) -> httpx.Response:
    return await api.post("/v1/login/enrollment", json={"ticket": secret, **more})


async def confirm(api: httpx.AsyncClient, secret: str, code: str) -> httpx.Response:
    return await api.post("/v1/login/enrollment/confirm", json={"ticket": secret, "code": code})


async def enroll_by_ticket(api: httpx.AsyncClient, clock: SetClock) -> Enrolled:
    secret = await ticket(api)
    begun = granted(await begin(api, secret), 201)
    body = granted(await confirm(api, secret, totp_code(begun["secret"], clock.now())))
    return Enrolled(begun["secret"], body["grant"]["access_token"], body["recovery_codes"], body)


async def set_policy(
    api: httpx.AsyncClient, admin: httpx.BasicAuth, services: Services, policy: str, **more: str
) -> dict[str, Any]:
    id = (await services.admin.account_with_address(EMAIL)).account.id
    body = {"two_factor_policy": policy, **more}
    return granted(await api.patch(f"/v1/admin/accounts/{id}", json=body, auth=admin))


async def is_alive(api: httpx.AsyncClient, token: str, services: Services) -> bool:
    """What introspection, forward-auth and our own calls say, which must be the same."""
    gateway = await a_client(services, Role.INTROSPECT)
    active = granted(await api.post("/v1/introspect", data={"token": token}, auth=gateway))["active"]
    passed = (await api.get("/v1/forward-auth", headers=bearer(token))).status_code
    own = await api.get("/v1/me", headers=bearer(token))
    if own.status_code == 401:
        refused(own, 401, "invalid_token")
    assert (active, passed, own.status_code) in {(True, 204, 200), (False, 401, 401)}
    return bool(active)


async def required_from(api: httpx.AsyncClient, token: str) -> datetime | None:
    state = granted(await api.get("/v1/me/2fa", headers=bearer(token)))
    assert state["required"] is True
    return moment(state["required_from"]) if state["required_from"] else None


# --- The deadline ---


async def test_by_default_nobody_must_have_it(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    state = granted(await api.get("/v1/me/2fa", headers=bearer(await a_session(api))))
    assert (state["required"], state["required_from"]) == (False, None)


@in_a_week
async def test_a_deadline_is_granted_at_creation_and_once(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    began = clock.now()
    await an_account(services)
    clock.advance(DAY)
    assert await required_from(api, await a_session(api)) == began + 7 * DAY
    clock.advance(DAY)
    assert await required_from(api, await a_session(api)) == began + 7 * DAY


async def test_a_log_in_grants_an_older_account_its_deadline(
    api: httpx.AsyncClient, services: Services, settings: Settings, clock: SetClock
) -> None:
    await an_account(services)
    began = clock.now()
    async with serving(settings, clock, **REQUIRED, two_factor_grace_seconds=86400) as later:
        assert await required_from(later, await a_session(later)) == began + DAY
        clock.advance(timedelta(hours=1))
        assert await required_from(later, await a_session(later)) == began + DAY


async def test_the_worker_grants_deadlines_to_accounts_that_never_log_in(
    api: httpx.AsyncClient, services: Services, settings: Settings, clock: SetClock
) -> None:
    await an_account(services)
    kept = await a_session(api)
    await an_account(services, "eve@example.com")
    device = await enroll(api, await a_session(api, "eve@example.com"), clock.now())
    async with serving(settings, clock, **REQUIRED, two_factor_grace_seconds=60) as later:
        assert await required_from(later, kept) is None
        await services_of(later).worker.sweep()
        assert await required_from(later, kept) == clock.now() + timedelta(seconds=60)
        clock.advance(timedelta(minutes=2))
        await services_of(later).worker.sweep()
        assert not await is_alive(later, kept, services)
        assert await is_alive(later, device.token, services)


async def test_a_deadline_outlives_the_policy_and_comes_back_with_it(
    api: httpx.AsyncClient, services: Services, settings: Settings, clock: SetClock
) -> None:
    await an_account(services)
    long, short = {**REQUIRED, "two_factor_grace_seconds": 7 * 86400}, {**REQUIRED, "two_factor_grace_seconds": 60}
    began = clock.now()
    async with serving(settings, clock, **short) as first:
        token = await a_session(first)
    clock.advance(DAY)
    assert await is_alive(api, (await a_session(api)), services)
    token = await a_session(api)
    async with serving(settings, clock, **long) as second:
        await ticket(second)
        assert not await is_alive(second, token, services)
        known = await services_of(second).admin.account_with_address(EMAIL)
        assert known.two_factor.required_from == began + timedelta(seconds=60)


@in_a_week
async def test_a_clock_that_steps_moves_no_deadline(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    began = clock.now()
    await an_account(services)
    token = await a_session(api)
    for step in (30 * DAY, -60 * DAY, 31 * DAY):
        clock.advance(step)
        late = clock.now() >= began + 7 * DAY
        answer = granted(await log_in(api))
        assert answer["status"] == ("enrollment_required" if late else "authenticated")
        await services.worker.sweep()
    assert clock.now() == began + DAY
    assert await required_from(api, granted(await log_in(api))["access_token"]) == began + 7 * DAY
    assert token.startswith("tks_")


@in_a_minute
async def test_a_deadline_that_passes_during_a_confirm_finds_a_second_factor(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await an_account(services)
    token = await a_session(api)
    begun = await api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=bearer(token))
    code = {"code": totp_code(granted(begun, 201)["secret"], clock.now())}
    confirming = api.post("/v1/me/2fa/confirm", json=code, headers=bearer(token))
    grant = granted(await until_late(database_url, confirming, clock))["grant"]
    granted(await api.get("/v1/me", headers=bearer(grant["access_token"])))
    assert grant["account"]["two_factor"]["required_from"] is None


@in_a_minute
async def test_a_deadline_that_passes_during_a_log_in_suspends_its_session(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await an_account(services)
    token = granted(await until_late(database_url, log_in(api), clock))["access_token"]
    refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")
    assert granted(await log_in(api))["status"] == "enrollment_required"


async def until_late(database_url: str, act: Coroutine[Any, Any, httpx.Response], clock: SetClock) -> httpx.Response:
    """The account's deadline passes while the act waits to write."""
    async with holding(database_url, "SELECT FROM accounts FOR NO KEY UPDATE") as writer:
        running = asyncio.create_task(act)
        await writer.until_waiting(running)
        clock.advance(timedelta(minutes=1))
    return await running


@at_once
async def test_without_grace_the_first_log_in_gives_a_ticket(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await ticket(api)
    account = (await services.admin.account_with_address(EMAIL)).account
    assert account.last_login_at is None


async def test_without_grace_older_tokens_are_dead_before_any_worker(
    api: httpx.AsyncClient, services: Services, settings: Settings, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    body = {"description": "made before"}
    personal = granted(await api.post("/v1/me/tokens", json=body, headers=bearer(session)), 201)["access_token"]
    async with serving(settings, clock, **REQUIRED) as later:
        assert not await is_alive(later, session, services)
        assert not await is_alive(later, personal, services)
    assert await is_alive(api, personal, services)


# --- One account's own policy ---


async def test_a_policy_of_its_own_suspends_an_account_and_an_exemption_brings_it_back(
    api: httpx.AsyncClient, services: Services, admin: httpx.BasicAuth
) -> None:
    await an_account(services)
    token = await a_session(api)
    known = await set_policy(api, admin, services, "required")
    assert known["two_factor_policy"] == "required"
    assert known["two_factor"]["required"] is True
    assert not await is_alive(api, token, services)
    await ticket(api)
    known = await set_policy(api, admin, services, "exempt", reason="A kiosk without a phone.")
    assert (known["two_factor_policy"], known["two_factor"]["required"]) == ("exempt", False)
    assert await is_alive(api, token, services)
    await set_policy(api, admin, services, "inherit")
    assert await is_alive(api, token, services)


@at_once
async def test_an_exempt_account_logs_in_by_password(
    api: httpx.AsyncClient, services: Services, admin: httpx.BasicAuth
) -> None:
    await an_account(services)
    await set_policy(api, admin, services, "exempt", reason="A kiosk.")
    token = await a_session(api)
    await set_policy(api, admin, services, "inherit")
    assert not await is_alive(api, token, services)
    await set_policy(api, admin, services, "exempt", reason="A kiosk.")
    assert await is_alive(api, token, services)


async def test_each_change_of_policy_is_one_event(
    api: httpx.AsyncClient, services: Services, admin: httpx.BasicAuth
) -> None:
    await an_account(services)
    await set_policy(api, admin, services, "exempt", reason="A kiosk.")
    await set_policy(api, admin, services, "exempt", reason="Again.")
    query = {"type": "account.policy_changed"}
    [event] = granted(await api.get("/v1/admin/events", params=query, auth=admin))["items"]
    assert event["details"] == {"policy": "exempt", "was": "inherit", "reason": "A kiosk."}
    assert event["client_id"] == str((await services.clients.all())[0].id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": "Nothing to do."},
        {"two_factor_policy": "exempt"},
        {"two_factor_policy": "exempt", "reason": " "},
        {"two_factor_policy": "exempt", "reason": " ", "status": "disabled"},
        {"two_factor_policy": "exempt", "reason": "a\u0000b"},
        {"two_factor_policy": "off"},
        {"two_factor_policy": None},
    ],
)
async def test_a_policy_that_says_nothing_or_not_why_is_refused(
    api: httpx.AsyncClient, services: Services, admin: httpx.BasicAuth, body: dict[str, Any]
) -> None:
    account = await an_account(services)
    refused(await api.patch(f"/v1/admin/accounts/{account.id}", json=body, auth=admin), 422, "invalid_request")
    assert (await services.admin.account(account.id)).account.is_active, "nothing else of it was done"


# --- What an overdue account may do ---


@at_once
async def test_a_ticket_is_no_session(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    secret = await ticket(api)
    assert not await is_alive(api, secret, services)
    refused(
        await api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=bearer(secret)),
        401,
        "invalid_token",
    )
    body = {"challenge": secret, "code": "123456"}
    refused(await api.post("/v1/login/two-factor", json=body), 401, "challenge_expired")
    refused(await api.post("/v1/login/two-factor/options", json={"challenge": secret}), 401, "challenge_expired")
    body = {"token": secret, "new_password": PASSWORD}
    refused(await api.post("/v1/password-reset/confirm", json=body), 410, "reset_token_invalid")


@pytest.mark.parametrize("kind", [each for each in SecretKind if each is not SecretKind.TICKET])
@at_once
async def test_no_other_secret_is_a_ticket(api: httpx.AsyncClient, services: Services, kind: SecretKind) -> None:
    await an_account(services)
    good = await ticket(api)
    for secret in (
        kind + good[4:],
        new_secret(kind).get_secret_value(),
        new_secret(SecretKind.TICKET).get_secret_value(),
    ):
        refused(await begin(api, secret), 401, "ticket_expired")
        refused(await confirm(api, secret, "123456"), 401, "ticket_expired")
        refused(await api.post("/v1/login/enrollment/webauthn/options", json={"ticket": secret}), 401, "ticket_expired")
        body = {"ticket": secret, "registration": "tkw_x", "credential": {}}
        refused(await api.post("/v1/login/enrollment/webauthn", json=body), 401, "ticket_expired")


@at_once
async def test_a_ticket_enrolls_an_app_and_logs_in(
    api: httpx.AsyncClient, services: Services, clock: SetClock, admin: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    secret = await ticket(api)
    proved_at = clock.now()
    clock.advance(timedelta(minutes=1))
    begun = granted(await begin(api, secret, name="Blue phone"), 201)
    body = granted(await confirm(api, secret, totp_code(begun["secret"], clock.now())))
    assert body.keys() == {"two_factor", "recovery_codes", "grant", "revoked", "authenticator"}
    assert body["authenticator"]["name"] == "Blue phone"
    assert len(body["recovery_codes"]) == 10
    state = body["two_factor"]
    assert (state["status"], state["required"], state["required_from"]) == ("enabled", True, None)
    token = body["grant"]["access_token"]
    assert body["grant"]["token"]["amr"] == ["pwd", "otp", "mfa"]
    assert body["grant"]["account"]["last_login_at"] is not None
    assert await is_alive(api, token, services)
    gateway = await a_client(services, Role.INTROSPECT)
    introspected = granted(await api.post("/v1/introspect", data={"token": token}, auth=gateway))
    assert introspected["auth_time"] == int(proved_at.timestamp())
    refused(await begin(api, secret), 401, "ticket_expired")
    query = {"account_id": str(account.id), "type": "two_factor.enabled"}
    [event] = granted(await api.get("/v1/admin/events", params=query, auth=admin))["items"]
    assert event["details"]["reason"] == "required_by_policy"
    assert await mails(services) == ["two_factor_enabled"]
    clock.advance(STEP)
    assert granted(await log_in(api))["status"] == "two_factor_required"


@pytest.mark.parametrize("passkey", [False, True])
@at_once
async def test_a_ticket_registers_a_key_and_logs_in(
    api: httpx.AsyncClient, services: Services, *, passkey: bool
) -> None:
    await an_account(services)
    secret, key = await ticket(api), SoftwareKey()
    options = {"ticket": secret, "passkey": passkey, "name": "Blue key"}
    begun = granted(await api.post("/v1/login/enrollment/webauthn/options", json=options), 201)
    assert begun.keys() == {"registration", "expires_in", "public_key"}
    body = {"ticket": secret, "registration": begun["registration"], "credential": key.create(begun["public_key"])}
    confirmed = granted(await api.post("/v1/login/enrollment/webauthn", json=body))
    assert confirmed["authenticator"]["name"] == "Blue key"
    assert confirmed["grant"]["token"]["amr"] == ["pwd", "pop", "mfa"]
    assert await is_alive(api, confirmed["grant"]["access_token"], services)
    refused(await api.post("/v1/login/enrollment/webauthn", json=body), 401, "ticket_expired")
    if passkey:
        assert granted(await log_in_with_passkey(api, key))["status"] == "authenticated"


@at_once
async def test_a_wrong_credential_uses_up_its_registration_and_not_the_ticket(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    secret = await ticket(api)
    begun = granted(await api.post("/v1/login/enrollment/webauthn/options", json={"ticket": secret}), 201)
    credential = SoftwareKey().create(begun["public_key"], origin="https://evil.example")
    body = {"ticket": secret, "registration": begun["registration"], "credential": credential}
    refused(await api.post("/v1/login/enrollment/webauthn", json=body), 403, "invalid_credential")
    refused(await api.post("/v1/login/enrollment/webauthn", json=body), 410, "registration_expired")
    granted(await begin(api, secret), 201)


@at_once
async def test_wrong_codes_by_a_ticket_count_as_everywhere(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    secret = await ticket(api)
    refused(await confirm(api, secret, "123456"), 409, "no_pending_enrollment")
    begun = granted(await begin(api, secret), 201)
    wrong = wrong_code(begun["secret"], clock)
    problem = refused(await confirm(api, secret, wrong), 403, "invalid_code")
    assert problem["attempts_remaining"] == 9
    ahead = refused(await confirm(api, secret, totp_code(begun["secret"], clock.now(), steps=5)), 403, "invalid_code")
    assert ahead["clock_skew_seconds"] == 150
    for _ in range(8):
        refused(await confirm(api, secret, wrong), 403, "invalid_code")
    refused(await confirm(api, secret, totp_code(begun["secret"], clock.now())), 429, "too_many_attempts")


@at_once
async def test_one_ticket_does_not_finish_what_another_began(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    mine, other = await ticket(api), await ticket(api)
    begun = granted(await begin(api, mine), 201)
    code = totp_code(begun["secret"], clock.now())
    refused(await confirm(api, other, code), 409, "no_pending_enrollment")
    granted(await confirm(api, mine, code))
    refused(await begin(api, other), 401, "ticket_expired")


@at_once
async def test_a_ticket_lives_ten_minutes(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    secret = await ticket(api)
    clock.advance(timedelta(seconds=599))
    granted(await begin(api, secret), 201)
    clock.advance(timedelta(seconds=1))
    refused(await begin(api, secret), 401, "ticket_expired")
    await services.worker.sweep()
    async with services.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM enrollment_tickets")) == 0


@at_once
@pytest.mark.parametrize("step", [timedelta(days=-2), timedelta(minutes=9)], ids=["set back", "set forward"])
async def test_a_ticket_works_once_whatever_the_clock_does(
    api: httpx.AsyncClient, services: Services, clock: SetClock, step: timedelta
) -> None:
    await an_account(services)
    secret = await ticket(api)
    clock.advance(step)
    begun = granted(await begin(api, secret), 201)
    granted(await confirm(api, secret, totp_code(begun["secret"], clock.now())))
    clock.advance(-step)
    refused(await begin(api, secret), 401, "ticket_expired")


@at_once
async def test_a_ticket_dies_with_what_ends_everything(
    api: httpx.AsyncClient, services: Services, admin: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    path = f"/v1/admin/accounts/{account.id}"
    for method, end, body in (
        ("POST", "/tokens/revoke", {"reason": "Seen elsewhere."}),
        ("POST", "/2fa/reset", {"reason": "Lost."}),
        ("PATCH", "", {"status": "disabled"}),
    ):
        secret = await ticket(api)
        granted(await api.request(method, path + end, json=body, auth=admin))
        refused(await begin(api, secret), 401, "ticket_expired")
    granted(await api.patch(path, json={"status": "active"}, auth=admin))
    secret = await ticket(api)
    assert (await api.delete(path, auth=admin)).status_code == 204
    refused(await begin(api, secret), 401, "ticket_expired")


@at_once
async def test_tickets_share_the_sixty_a_minute_of_log_ins(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    secret = await ticket(api)
    answers = [await confirm(api, secret, "123456") for _ in range(60)]
    assert [answer.status_code for answer in answers].count(409) == 59
    refused(answers[-1], 429, "rate_limited")


# --- With it on ---


@at_once
async def test_what_is_required_can_be_replaced_and_not_turned_off(
    api: httpx.AsyncClient, services: Services, clock: SetClock, admin: httpx.BasicAuth
) -> None:
    await an_account(services)
    device = await enroll_by_ticket(api, clock)
    disable = {"password": PASSWORD}
    answer = await api.post("/v1/me/2fa/disable", json={"password": "not the password"}, headers=bearer(device.token))
    refused(answer, 403, "wrong_password")
    answer = await api.post("/v1/me/2fa/disable", json=disable, headers=bearer(device.token))
    refused(answer, 409, "two_factor_required_by_policy")
    wrong = disable | {"code": wrong_code(device.secret, clock)}
    answer = await api.post("/v1/me/2fa/disable", json=wrong, headers=bearer(device.token))
    assert refused(answer, 403, "invalid_code")["attempts_remaining"] == 9, "a guess is a guess, whatever it could buy"
    clock.advance(STEP)
    begin_body = {"password": PASSWORD, "replaces": device.confirmed["authenticator"]["id"]}
    begun = granted(await api.post("/v1/me/2fa/enrollment", json=begin_body, headers=bearer(device.token)), 201)
    code = {"code": totp_code(begun["secret"], clock.now())}
    token = granted(await api.post("/v1/me/2fa/confirm", json=code, headers=bearer(device.token)))["grant"][
        "access_token"
    ]
    await set_policy(api, admin, services, "exempt", reason="A kiosk.")
    granted(await api.post("/v1/me/2fa/disable", json=disable, headers=bearer(token)))


@in_a_week
async def test_a_factor_that_an_operator_resets_leaves_the_account_overdue(
    api: httpx.AsyncClient, services: Services, clock: SetClock, admin: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    clock.advance(DAY)
    body = {"reason": "Lost her phone."}
    reset = granted(await api.post(f"/v1/admin/accounts/{account.id}/2fa/reset", json=body, auth=admin))
    assert reset["two_factor"]["required"] is True
    assert moment(reset["two_factor"]["required_from"]) == clock.now()
    await ticket(api)


@in_a_week
async def test_a_reset_that_finds_no_factor_ends_no_grace(
    api: httpx.AsyncClient, services: Services, clock: SetClock, admin: httpx.BasicAuth
) -> None:
    began, account = clock.now(), await an_account(services)
    clock.advance(DAY)
    body = {"reason": "To be sure."}
    reset = granted(await api.post(f"/v1/admin/accounts/{account.id}/2fa/reset", json=body, auth=admin))
    assert moment(reset["two_factor"]["required_from"]) == began + 7 * DAY


@in_a_week
async def test_a_factor_that_a_password_reset_clears_leaves_the_account_overdue(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    [link] = await ask(api, services)
    body = {"token": link, "new_password": NEW_PASSWORD}
    assert granted(await api.post("/v1/password-reset/confirm", json=body))["two_factor"] == "disabled"
    answer = granted(await log_in(api, password=NEW_PASSWORD))
    assert answer["status"] == "enrollment_required"


# --- Suspended tokens ---


async def test_a_suspended_token_that_is_revoked_never_comes_back(
    api: httpx.AsyncClient, services: Services, admin: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    one, other = await a_session(api), await a_session(api)
    id = granted(await api.get("/v1/me/tokens", headers=bearer(other)))["current"]["id"]
    await set_policy(api, admin, services, "required")
    gateway = await a_client(services, Role.INTROSPECT)
    granted(await api.post("/v1/revoke", data={"token": one}, auth=gateway))
    assert (await api.delete(f"/v1/admin/accounts/{account.id}/tokens/{id}", auth=admin)).status_code == 204
    await set_policy(api, admin, services, "exempt", reason="A kiosk.")
    assert not await is_alive(api, one, services)
    assert not await is_alive(api, other, services)


# --- What operators see ---


async def test_coverage_counts_each_active_account_in_every_state_that_fits(
    api: httpx.AsyncClient, services: Services, settings: Settings, clock: SetClock, admin: httpx.BasicAuth
) -> None:
    for name in ("app", "key", "none", "late", "exempt", "gone"):
        await an_account(services, f"{name}@example.com")
    await enroll(api, await a_session(api, "app@example.com"), clock.now())
    await a_key(api, await a_session(api, "key@example.com"))
    ids = {
        name: (await services.admin.account_with_address(f"{name}@example.com")).account.id
        for name in ("late", "exempt", "gone")
    }
    await api.patch(f"/v1/admin/accounts/{ids['gone']}", json={"status": "disabled"}, auth=admin)
    exempt = {"two_factor_policy": "exempt", "reason": "A kiosk."}
    await api.patch(f"/v1/admin/accounts/{ids['exempt']}", json=exempt, auth=admin)
    await api.patch(f"/v1/admin/accounts/{ids['late']}", json={"two_factor_policy": "required"}, auth=admin)
    async with serving(settings, clock, **REQUIRED, two_factor_grace_seconds=60) as later:
        await services_of(later).worker.sweep()
        expected = {"accounts": 5, "enabled": 2, "phishing_resistant": 1, "in_grace": 1, "overdue": 1, "exempt": 1}
        assert granted(await later.get("/v1/admin/two-factor/coverage", auth=admin)) == expected
        found = granted(await later.get("/v1/admin/accounts", params={"policy": "overdue"}, auth=admin))["items"]
        assert [each["email"] for each in found] == ["late@example.com"]
        clock.advance(timedelta(minutes=2))
        found = granted(await later.get("/v1/admin/accounts", params={"policy": "overdue"}, auth=admin))["items"]
        assert {each["email"] for each in found} == {"late@example.com", "none@example.com"}
        await services_of(later).admin.measure_coverage()
        shown = (await later.get("/metrics")).text
        assert 'twokeys_two_factor_accounts{state="overdue"} 2.0' in shown
    refused(await api.get("/v1/admin/accounts", params={"policy": "late"}, auth=admin), 422, "invalid_request")


async def test_coverage_is_for_those_who_read_accounts(api: httpx.AsyncClient, services: Services) -> None:
    granted(await api.get("/v1/admin/two-factor/coverage", auth=await a_client(services, Role.ACCOUNTS_READ)))
    other = await a_client(services, Role.EVENTS_READ)
    refused(await api.get("/v1/admin/two-factor/coverage", auth=other), 403, "insufficient_role")


async def test_to_a_client_that_requires_two_factors_less_is_not_alive(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    made = await services.clients.create("Payroll", [Role.INTROSPECT], required_acr=Assurance.AAL2)
    strict = httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())
    await an_account(services)
    token = await a_session(api)
    answer = await api.post("/v1/introspect", data={"token": token}, auth=strict)
    assert granted(answer) == {"active": False}
    device = await enroll(api, token, clock.now())
    assert granted(await api.post("/v1/introspect", data={"token": device.token}, auth=strict))["active"] is True


@at_once
async def test_frontends_learn_the_policy(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/config")).json()["two_factor_policy"] == "required"
