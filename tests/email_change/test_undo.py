"""A change of address is taken back from the old mailbox, and what came after it ends."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.clients.domain import Role
from app.services import Services
from app.settings import PasswordResetPolicy
from tests.conftest import SetClock
from tests.email_change.address_change import NEW, THIRD, email_events, me, move, posted, reset, undo
from tests.support.answers import granted, moment, refused
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
    enrolled_account,
    log_in,
    totp_code,
)

pytestmark = pytest.mark.anyio


async def test_undoing_brings_the_old_address_back(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    back = await move(api, services, await a_session(api))
    thief = await a_session(api, NEW)
    granted(await api.post("/v1/password-reset", json={"email": NEW}), 202)
    (reset_mail,) = await posted(services, "password_reset")
    clock.advance(timedelta(days=6, hours=23))
    assert granted(await undo(api, back)) == {"email": EMAIL}
    refused(await api.get("/v1/me", headers=bearer(thief)), 401, "invalid_token")
    body = {"token": reset_mail.token, "new_password": NEW_PASSWORD}
    refused(await api.post("/v1/password-reset/confirm", json=body), 410, "reset_token_invalid")
    for email in (EMAIL, NEW):
        refused(await log_in(api, email), 401, "invalid_credentials")
    refused(await undo(api, back), 410, "email_token_invalid")
    session = await reset(api, services)
    account = await me(api, session)
    assert (account["email"], moment(account["email_verified_at"])) == (EMAIL, clock.now())
    assert (await email_events(api, session))[0] == "email.change_undone"
    told = await posted(services, "email_change_undone")
    assert [(mail.to, mail.context.facts["restored"]) for mail in told] == [(EMAIL, EMAIL), (NEW, EMAIL)]


async def test_an_undo_link_lives_a_week(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    back = await move(api, services, await a_session(api))
    clock.advance(timedelta(days=7))
    refused(await undo(api, back), 410, "email_token_invalid")
    await services.worker.sweep()
    clock.advance(timedelta(days=-1))
    refused(await undo(api, back), 410, "email_token_invalid")


async def test_undoing_ends_the_claims_of_later_mailboxes(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    first = await move(api, services, await a_session(api))
    second = await move(api, services, await a_session(api, NEW), THIRD)
    assert granted(await undo(api, first)) == {"email": EMAIL}
    refused(await undo(api, second), 410, "email_token_invalid")
    await reset(api, services)


async def test_undoing_the_last_change_leaves_the_one_before(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    first = await move(api, services, await a_session(api))
    second = await move(api, services, await a_session(api, NEW), THIRD)
    assert granted(await undo(api, second)) == {"email": NEW}
    assert granted(await undo(api, first)) == {"email": EMAIL}


async def test_undoing_outlives_whatever_a_thief_changed(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    back = await move(api, services, await a_session(api))
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    granted(await api.post("/v1/me/password", json=body, headers=bearer(await a_session(api, NEW))))
    granted(await undo(api, back))
    refused(await log_in(api, EMAIL, NEW_PASSWORD), 401, "invalid_credentials")


async def _add_device(api: httpx.AsyncClient, token: str, clock: SetClock) -> tuple[str, str]:
    """The session that goes on, and the new device's secret."""
    body = {"password": PASSWORD, "additional": True}
    began = granted(await api.post("/v1/me/2fa/enrollment", json=body, headers=bearer(token)), 201)
    code = {"code": totp_code(began["secret"], clock.now())}
    added = granted(await api.post("/v1/me/2fa/confirm", json=code, headers=bearer(token)))
    return added["grant"]["access_token"], began["secret"]


async def _moved_with_device(api: httpx.AsyncClient, services: Services, clock: SetClock) -> tuple[Enrolled, str, str]:
    """The owner's device, the undo link, and a thief's session."""
    device = await enrolled_account(api, services, clock)
    back = await move(api, services, device.token)
    code = totp_code(device.secret, clock.now())
    thief = str(granted(await log_in(api, NEW, code=code))["access_token"])
    clock.advance(STEP)
    return device, back, thief


@given_settings(password_reset_policy=PasswordResetPolicy.REQUIRES_SECOND_FACTOR)
@pytest.mark.parametrize("step", [timedelta(0), timedelta(days=-2)], ids=["on time", "clock set back"])
async def test_undoing_keeps_two_factor_and_removes_what_was_added(
    api: httpx.AsyncClient, services: Services, clock: SetClock, step: timedelta
) -> None:
    device, back, thief = await _moved_with_device(api, services, clock)
    clock.advance(step)
    thief, added = await _add_device(api, thief, clock)
    codes = granted(
        await api.post("/v1/me/2fa/recovery-codes", json={"password": PASSWORD}, headers=bearer(thief)), 201
    )["recovery_codes"]
    granted(await undo(api, back))
    clock.advance(-step + STEP)
    granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
    token = (await posted(services, "password_reset"))[-1].token
    body = {"token": token, "new_password": NEW_PASSWORD}
    for code in (totp_code(added, clock.now()), codes[0]):
        refused(await api.post("/v1/password-reset/confirm", json=body | {"code": code}), 403, "invalid_code")
    mine = body | {"code": totp_code(device.secret, clock.now())}
    assert granted(await api.post("/v1/password-reset/confirm", json=mine))["two_factor"] == "kept"


async def test_undoing_keeps_recovery_codes_of_before(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device, back, _ = await _moved_with_device(api, services, clock)
    granted(await undo(api, back))
    state = await _two_factor_of(api, services, EMAIL)
    assert (state["status"], state["recovery_codes_remaining"]) == ("enabled", len(device.recovery_codes))


async def test_undoing_turns_off_what_was_turned_on_since(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    back = await move(api, services, await a_session(api))
    await enroll(api, await a_session(api, NEW), clock.now())
    granted(await undo(api, back))
    state = await _two_factor_of(api, services, EMAIL)
    assert (state["status"], state["recovery_codes_remaining"]) == ("disabled", 0)
    await reset(api, services)


async def _two_factor_of(api: httpx.AsyncClient, services: Services, email: str) -> dict[str, Any]:
    client = await a_client(services, Role.ADMIN)
    [account] = granted(await api.get("/v1/admin/accounts", params={"email": email}, auth=client))["items"]
    return dict(account["two_factor"])


async def test_undoing_to_an_address_that_is_taken_is_gone(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    back = await move(api, services, await a_session(api))
    await an_account(services, EMAIL, NEW_PASSWORD)
    refused(await undo(api, back), 410, "email_token_invalid")
    await a_session(api, NEW)


async def test_a_disabled_account_changes_no_address(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    client = await a_client(services, Role.ADMIN)
    back = await move(api, services, await a_session(api))
    url = f"/v1/admin/accounts/{account.id}"
    granted(await api.patch(url, json={"status": "disabled"}, auth=client))
    refused(await undo(api, back), 410, "email_token_invalid")
    granted(await api.patch(url, json={"status": "active"}, auth=client))
    granted(await undo(api, back))


async def test_undoing_forgets_a_thiefs_network(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    back = await move(api, services, await a_session(api))
    thief = {"X-Forwarded-For": "203.0.113.66"}
    granted(await api.post("/v1/login", json={"email": NEW, "password": PASSWORD}, headers=thief))
    granted(await undo(api, back))
    async with services.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM known_clients")) == 0


@given_settings(password_reset_policy=PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER)
async def test_undoing_cancels_the_clearing_that_a_reset_began(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    _, back, _ = await _moved_with_device(api, services, clock)
    granted(await api.post("/v1/password-reset", json={"email": NEW}), 202)
    token = (await posted(services, "password_reset"))[-1].token
    body = {"token": token, "new_password": NEW_PASSWORD}
    assert granted(await api.post("/v1/password-reset/confirm", json=body))["two_factor"] == "clearing"
    granted(await undo(api, back))
    state = await _two_factor_of(api, services, EMAIL)
    assert (state["status"], state["clears_at"]) == ("enabled", None)
