"""Several authenticators: list, add, replace, rename, remove."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.audit.domain import EventFilter, EventType
from app.clients.domain import Role
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.keys import (
    Held,
    SoftwareKey,
    a_key,
    authenticators,
    b64,
    log_in_with_key,
    register,
    registration,
    unb64,
)
from tests.support.people import (
    PASSWORD,
    STEP,
    Enrolled,
    a_client,
    a_request,
    a_session,
    an_account,
    bearer,
    enrolled_account,
    log_in,
    totp_code,
    wrong_code,
)

pytestmark = pytest.mark.anyio

LATER = timedelta(seconds=901)


async def enrollment(api: httpx.AsyncClient, token: str, **more: Any) -> httpx.Response:
    return await api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD, **more}, headers=bearer(token))


async def confirm(api: httpx.AsyncClient, token: str, code: str) -> httpx.Response:
    return await api.post("/v1/me/2fa/confirm", json={"code": code}, headers=bearer(token))


async def another_app(api: httpx.AsyncClient, token: str, clock: SetClock, **more: Any) -> Enrolled:
    """With `additional` or `replaces`."""
    secret = granted(await enrollment(api, token, **more), 201)["secret"]
    body = granted(await confirm(api, token, totp_code(secret, clock.now())))
    clock.advance(STEP)
    return Enrolled(secret, body["grant"]["access_token"], body["recovery_codes"], body)


async def removal(api: httpx.AsyncClient, token: str, id: str, password: str = PASSWORD) -> httpx.Response:
    path = f"/v1/me/2fa/authenticators/{id}/remove"
    return await api.post(path, json={"password": password}, headers=bearer(token))


async def rename(api: httpx.AsyncClient, token: str, id: str, name: Any) -> httpx.Response:
    path = f"/v1/me/2fa/authenticators/{id}"
    return await api.patch(path, json={"name": name}, headers=bearer(token))


async def ids(api: httpx.AsyncClient, token: str) -> list[str]:
    return [each["id"] for each in (await authenticators(api, token))["items"]]


async def recorded(services: Services) -> list[str]:
    found = await services.admin.events(EventFilter(), after=None, limit=200)
    return [event.type.value for event in reversed(found.items)]


async def mailed(services: Services) -> list[str]:
    async with services.database.autocommit() as connection:
        return [row[0] for row in await connection.execute(text("SELECT letter FROM outbox ORDER BY id"))]


# The list


async def test_the_list_names_each_authenticator(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token, name="Blue key")
    listed = await authenticators(api, held.token)
    app, key = listed["items"]
    assert app.keys() == {"id", "kind", "name", "created_at", "last_used_at", "passkey", "backed_up"}
    assert (app["kind"], app["name"], app["passkey"], app["backed_up"]) == ("totp", "Authenticator app", None, None)
    assert app["last_used_at"] is not None
    assert (key["kind"], key["name"], key["passkey"], key["backed_up"]) == ("webauthn", "Blue key", False, False)
    assert (key["id"], key["last_used_at"]) == (held.id, None)


async def test_a_personal_token_may_read_the_list(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    made = await api.post("/v1/me/tokens", json={"description": "x"}, headers=bearer(device.token))
    personal = granted(made, 201)["access_token"]
    [app] = (await authenticators(api, personal))["items"]
    refused(await rename(api, personal, app["id"], "Mine"), 403, "session_required")
    refused(await removal(api, personal, app["id"]), 403, "session_required")
    refused(await registration(api, personal), 403, "session_required")


async def test_the_signal_is_null_until_there_was_a_credential(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    begun = granted(await registration(api, device.token), 201)
    assert (await authenticators(api, device.token))["signal"] is None
    key = SoftwareKey()
    body = granted(await register(api, device.token, begun["registration"], key.create(begun["public_key"])))
    token = body["grant"]["access_token"]
    signal = (await authenticators(api, token))["signal"]
    assert signal == {
        "rp_id": begun["public_key"]["rp"]["id"],
        "user_handle": begun["public_key"]["user"]["id"],
        "accepted_credential_ids": [b64(key.credential_id)],
    }
    gone = granted(await removal(api, token, body["authenticator"]["id"]))
    left = (await authenticators(api, gone["grant"]["access_token"]))["signal"]
    assert left == signal | {"accepted_credential_ids": []}


async def test_the_state_names_the_methods(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    assert granted(await api.get("/v1/me/2fa", headers=bearer(device.token)))["methods"] == ["totp"]
    held = await a_key(api, device.token)
    assert granted(await api.get("/v1/me/2fa", headers=bearer(held.token)))["methods"] == ["totp", "webauthn"]


# The first one


async def test_a_key_alone_turns_it_on_as_a_confirmed_app_does(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    other, session = await a_session(api), await a_session(api)
    held = await a_key(api, session)
    body = held.registered
    assert body.keys() == {"two_factor", "recovery_codes", "grant", "revoked", "authenticator"}
    assert (body["two_factor"]["status"], body["two_factor"]["methods"]) == ("enabled", ["webauthn"])
    assert len(set(body["recovery_codes"])) == 10
    assert body["grant"]["token"]["amr"] == ["pwd", "pop", "mfa"]
    assert body["revoked"] == {"sessions": 2, "personal_tokens": 0}
    for dead in (other, session):
        refused(await api.get("/v1/me", headers=bearer(dead)), 401, "invalid_token")
    assert granted(await log_in(api))["methods"] == ["webauthn", "recovery_code"]
    granted(await log_in(api, code=body["recovery_codes"][0]))
    assert (await recorded(services))[-3:] == ["two_factor.enabled", "recovery_code.used", "login.succeeded"]
    assert (await mailed(services))[0] == "two_factor_enabled"
    assert "authenticator.added" not in await recorded(services)


async def test_six_digits_are_a_wrong_code_where_there_is_no_app(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await a_key(api, await a_session(api))
    refused(await log_in(api, code="123456"), 401, "invalid_code")


# Another one


async def test_another_app_ends_only_the_calling_session(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    other = granted(await log_in(api, code=totp_code(device.secret, clock.now())))["access_token"]
    clock.advance(STEP)
    second = await another_app(api, device.token, clock, additional=True, name="Tablet")
    assert second.recovery_codes == []
    assert second.confirmed["revoked"] == {"sessions": 1, "personal_tokens": 0}
    assert second.confirmed["authenticator"]["name"] == "Tablet"
    assert second.confirmed["grant"]["token"]["amr"] == ["pwd", "otp", "mfa"]
    granted(await api.get("/v1/me", headers=bearer(other)))
    refused(await api.get("/v1/me", headers=bearer(device.token)), 401, "invalid_token")
    for secret in (device.secret, second.secret):
        granted(await log_in(api, code=totp_code(secret, clock.now())))
    granted(await log_in(api, code=device.recovery_codes[0]))
    assert "authenticator.added" in await recorded(services)
    assert "authenticator_added" in await mailed(services)


async def test_another_key_ends_only_the_calling_session(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    other = granted(await log_in(api, code=totp_code(device.secret, clock.now())))["access_token"]
    held = await a_key(api, device.token)
    assert held.registered["recovery_codes"] == []
    assert held.registered["revoked"] == {"sessions": 1, "personal_tokens": 0}
    granted(await api.get("/v1/me", headers=bearer(other)))
    refused(await api.get("/v1/me", headers=bearer(device.token)), 401, "invalid_token")
    granted(await log_in_with_key(api, held.key))


async def test_it_stays_enabled_while_another_app_is_pending(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    begun = granted(await enrollment(api, device.token, additional=True), 201)
    shown = granted(await api.get("/v1/me/2fa", headers=bearer(device.token)))
    assert (shown["status"], shown["enrollment_expires_at"]) == ("enabled", begun["expires_at"])
    granted(await log_in(api, code=totp_code(device.secret, clock.now())))


async def test_a_step_is_spent_per_device(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    """A count per account would shut the second device out for a step; one per code would take it twice."""
    device = await enrolled_account(api, services, clock)
    second = await another_app(api, device.token, clock, additional=True)
    for secret in (device.secret, second.secret):
        granted(await log_in(api, code=totp_code(secret, clock.now())))
        refused(await log_in(api, code=totp_code(secret, clock.now())), 401, "invalid_code")


async def test_several_devices_share_one_budget_of_wrong_codes(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """nextcloud/twofactor_totp#158: each secret multiplies the guesses, so the count is the account's."""
    device = await enrolled_account(api, services, clock)
    second = await another_app(api, device.token, clock, additional=True)
    near = {
        totp_code(each, clock.now(), steps=steps) for each in (device.secret, second.secret) for steps in (-1, 0, 1)
    }
    wrong = next(f"{number:06d}" for number in range(100) if f"{number:06d}" not in near)
    for _ in range(10):
        refused(await log_in(api, code=wrong), 401, "invalid_code")
    for secret in (device.secret, second.secret):
        refused(await log_in(api, code=totp_code(secret, clock.now())), 429, "too_many_attempts")


async def test_a_fourth_app_is_one_too_many(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    for _ in range(2):
        device = await another_app(api, device.token, clock, additional=True)
    refused(await enrollment(api, device.token, additional=True), 409, "authenticator_limit_reached")
    first = (await ids(api, device.token))[0]
    granted(await enrollment(api, device.token, replaces=first), 201)


async def test_an_eleventh_key_is_one_too_many(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    held = await a_key(api, await a_session(api))
    for _ in range(9):
        held = await a_key(api, held.token)
    refused(await registration(api, held.token), 409, "authenticator_limit_reached")


async def test_the_limit_counts_at_the_end_again(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    pending = granted(await enrollment(api, device.token, additional=True), 201)["secret"]
    async with services.database.autocommit() as connection:
        for _ in range(2):
            await connection.execute(text(_COPY_OF_A_DEVICE))
    code = totp_code(pending, clock.now())
    refused(await confirm(api, device.token, code), 409, "authenticator_limit_reached")


_COPY_OF_A_DEVICE = """
    INSERT INTO authenticators (id, account_id, kind, name, created_at, sealed_secret, last_step)
    SELECT gen_random_uuid(), account_id, kind, name, created_at, sealed_secret, last_step FROM authenticators LIMIT 1
"""


async def test_a_secret_of_another_device_of_the_account_is_refused(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """Two devices with one secret would make two codes of one."""
    device = await enrolled_account(api, services, clock)
    granted(await enrollment(api, device.token, additional=True), 201)
    async with services.database.autocommit() as connection:
        await connection.execute(
            text("UPDATE authenticator_enrollments SET sealed_secret = (SELECT sealed_secret FROM authenticators)")
        )
    code = totp_code(device.secret, clock.now())
    refused(await confirm(api, device.token, code), 409, "authenticator_exists")
    assert len(await ids(api, device.token)) == 1


@pytest.mark.parametrize(
    "more", [{}, {"additional": False}, {"replaces": None}, {"additional": None, "replaces": None}]
)
async def test_enrolling_beside_a_device_must_say_how(
    api: httpx.AsyncClient, services: Services, clock: SetClock, more: dict[str, Any]
) -> None:
    device = await enrolled_account(api, services, clock)
    expected = (422, "invalid_request") if more.get("additional", 0) is None else (409, "two_factor_already_enabled")
    refused(await enrollment(api, device.token, **more), *expected)


async def test_one_can_not_add_and_replace_at_once(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    [id] = await ids(api, device.token)
    refused(await enrollment(api, device.token, additional=True, replaces=id), 422, "invalid_request")


@pytest.mark.parametrize("more", [{"additional": True}, {"replaces": "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"}])
async def test_there_must_be_one_to_add_to(api: httpx.AsyncClient, services: Services, more: dict[str, Any]) -> None:
    await an_account(services)
    refused(await enrollment(api, await a_session(api), **more), 422, "invalid_request")


# Replacing


async def test_the_old_device_works_until_the_new_one_is_confirmed(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    [old] = await ids(api, device.token)
    granted(await rename(api, device.token, old, "Phone"))
    secret = granted(await enrollment(api, device.token, replaces=old), 201)["secret"]
    other = granted(await log_in(api, code=totp_code(device.secret, clock.now())))["access_token"]
    clock.advance(STEP)
    body = granted(await confirm(api, device.token, totp_code(secret, clock.now())))
    assert body["recovery_codes"] == []
    assert body["revoked"] == {"sessions": 2, "personal_tokens": 0}
    assert (body["authenticator"]["name"], body["authenticator"]["id"] != old) == ("Phone", True)
    refused(await api.get("/v1/me", headers=bearer(other)), 401, "invalid_token")
    assert await ids(api, body["grant"]["access_token"]) == [body["authenticator"]["id"]]
    clock.advance(STEP)
    refused(await log_in(api, code=totp_code(device.secret, clock.now())), 401, "invalid_code")
    granted(await log_in(api, code=totp_code(secret, clock.now())))
    granted(await log_in(api, code=device.recovery_codes[0]))
    assert "authenticator.replaced" in await recorded(services)
    assert "authenticator_replaced" in await mailed(services)


async def test_a_replacement_takes_the_name_that_is_given(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    [old] = await ids(api, device.token)
    new = await another_app(api, device.token, clock, replaces=old, name="New phone")
    assert new.confirmed["authenticator"]["name"] == "New phone"


async def test_only_an_app_of_ones_own_can_be_replaced(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    for id in (held.id, "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"):
        refused(await enrollment(api, held.token, replaces=id), 404, "not_found")
    await an_account(services, "eve@example.com")
    eve = await a_key(api, await a_session(api, "eve@example.com"))
    [app, _] = await ids(api, held.token)
    refused(await enrollment(api, eve.token, replaces=app), 404, "not_found")


async def test_a_replacement_dies_with_the_device_that_it_replaces(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    app = (await ids(api, held.token))[0]
    secret = granted(await enrollment(api, held.token, replaces=app), 201)["secret"]
    gone = granted(await removal(api, held.token, app))["grant"]["access_token"]
    refused(await confirm(api, gone, totp_code(secret, clock.now())), 409, "no_pending_enrollment")


async def test_a_pending_replacement_dies_with_a_password_change(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    secret = granted(await enrollment(api, device.token, replaces=app), 201)["secret"]
    body = {"current_password": PASSWORD, "new_password": "walnut-harbour-sixteen-kites"}
    changed = granted(await api.post("/v1/me/password", json=body, headers=bearer(device.token)))
    token = changed["grant"]["access_token"]
    refused(await confirm(api, token, totp_code(secret, clock.now())), 409, "no_pending_enrollment")


async def test_a_wrong_code_replaces_nothing(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    secret = granted(await enrollment(api, device.token, replaces=app), 201)["secret"]
    body = refused(await confirm(api, device.token, wrong_code(secret, clock)), 403, "invalid_code")
    assert body["attempts_remaining"] == 9
    assert await ids(api, device.token) == [app]


# Renaming


async def test_a_name_is_changed_without_a_fresh_proof(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """mozilla/fxa#20850: a name guards nothing."""
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    clock.advance(LATER)
    before = await mailed(services)
    assert granted(await rename(api, device.token, app, "Téléphone 📱"))["name"] == "Téléphone 📱"
    assert (await authenticators(api, device.token))["items"][0]["name"] == "Téléphone 📱"
    assert (await recorded(services))[-1] == "authenticator.renamed"
    assert await mailed(services) == before


@pytest.mark.parametrize("name", ["", " ", "a" * 65, "two\nlines", "nul\0", "\u202eright to left", None, 7])
async def test_a_name_is_printable_and_short(
    api: httpx.AsyncClient, services: Services, clock: SetClock, name: Any
) -> None:
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    refused(await rename(api, device.token, app, name), 422, "invalid_request")
    if name is not None:
        refused(await registration(api, device.token, name=name), 422, "invalid_request")
        refused(await enrollment(api, device.token, additional=True, name=name), 422, "invalid_request")


async def test_names_may_repeat(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token, name="Key")
    held = await a_key(api, held.token, name="Key")
    assert [each["name"] for each in (await authenticators(api, held.token))["items"]][1:] == ["Key", "Key"]


async def test_an_authenticator_of_another_account_is_not_there(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    await an_account(services, "eve@example.com")
    eve = await a_key(api, await a_session(api, "eve@example.com"))
    refused(await rename(api, eve.token, app, "Mine"), 404, "not_found")
    refused(await removal(api, eve.token, app), 404, "not_found")
    assert await ids(api, device.token) == [app]


# Removing


async def test_a_removal_ends_everything_older(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    """supabase/auth#2607: a session must not keep what a removed factor proved."""
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    other = granted(await log_in_with_key(api, held.key))["access_token"]
    clock.advance(timedelta(seconds=10))
    before = granted(await api.get("/v1/me/tokens", headers=bearer(held.token)))["items"]
    body = granted(await removal(api, held.token, held.id))
    assert body.keys() == {"two_factor", "grant", "revoked"}
    assert body["two_factor"]["methods"] == ["totp"]
    assert body["revoked"] == {"sessions": len(before), "personal_tokens": 0}
    assert body["grant"]["token"]["amr"] == ["pwd", "pop", "mfa"]
    for dead in (other, held.token):
        refused(await api.get("/v1/me", headers=bearer(dead)), 401, "invalid_token")
    assert "webauthn" not in granted(await log_in(api))["methods"]
    assert "authenticator.removed" in await recorded(services)
    assert "authenticator_removed" in await mailed(services)


async def test_a_removal_keeps_the_time_of_the_proof(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    proved = clock.now()
    clock.advance(timedelta(seconds=600))
    token = granted(await removal(api, held.token, held.id))["grant"]["access_token"]
    caller = await services.tokens.check(token, a_request(services))
    assert caller.token.authenticated_at == proved


async def test_the_last_one_is_not_removed_by_accident(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    refused(await removal(api, device.token, app), 409, "last_authenticator")
    assert await ids(api, device.token) == [app]
    granted(await api.get("/v1/me", headers=bearer(device.token)))


async def test_a_removal_asks_for_the_password(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    refused(await removal(api, held.token, held.id, "a wrong one entirely"), 403, "wrong_password")
    granted(await log_in_with_key(api, held.key))


async def test_disabling_removes_every_authenticator(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    off = granted(await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(held.token)))
    assert (off["two_factor"]["status"], off["two_factor"]["methods"]) == ("disabled", [])
    assert granted(await log_in(api))["status"] == "authenticated"
    assert (await authenticators(api, off["grant"]["access_token"]))["items"] == []


# Freshness


async def stale(api: httpx.AsyncClient, services: Services, clock: SetClock) -> Held:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    clock.advance(LATER)
    return held


async def test_changes_need_a_fresh_proof(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    """CVE-2026-3429, supabase/auth#2565: a factor is not removed at a lower level, nor one added."""
    held = await stale(api, services, clock)
    app = (await ids(api, held.token))[0]
    for answer in (
        await removal(api, held.token, held.id),
        await removal(api, held.token, held.id, "a wrong one entirely"),
        await registration(api, held.token),
        await enrollment(api, held.token, additional=True),
        await enrollment(api, held.token, replaces=app),
    ):
        body = refused(answer, 403, "reauthentication_required")
        assert body["max_age"] == 900
        assert 'error="insufficient_user_authentication"' in answer.headers["www-authenticate"]
        assert 'max_age="900"' in answer.headers["www-authenticate"]


async def test_use_does_not_make_a_session_fresh(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    held = await stale(api, services, clock)
    granted(await api.get("/v1/me", headers=bearer(held.token)))
    refused(await registration(api, held.token), 403, "reauthentication_required")


async def test_an_account_without_two_factors_needs_no_fresh_proof(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    clock.advance(LATER)
    granted(await registration(api, session), 201)


# Operators


async def test_an_operator_removes_one_alone(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    """pocket-id, supabase/auth#2615: a lost key is removed, and no session keeps what it proved."""
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    auth = await an_admin(services)
    body = {"reason": "Lost her key.", "authenticator_id": held.id}
    path = f"/v1/admin/accounts/{await account_id(api, held.token)}/2fa/reset"
    done = granted(await api.post(path, json=body, auth=auth))
    assert (done["two_factor"]["status"], done["two_factor"]["methods"]) == ("enabled", ["totp"])
    refused(await api.get("/v1/me", headers=bearer(held.token)), 401, "invalid_token")
    granted(await log_in(api, code=totp_code(device.secret, clock.now())))
    assert "authenticator.removed" in await recorded(services)
    assert "two_factor.reset" not in await recorded(services)
    again = await api.post(path, json=body, auth=auth)
    refused(again, 404, "not_found")


async def test_an_operator_does_not_remove_the_last_one_by_its_id(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    [app] = await ids(api, device.token)
    path = f"/v1/admin/accounts/{await account_id(api, device.token)}/2fa/reset"
    body = {"reason": "Lost.", "authenticator_id": app}
    auth = await an_admin(services)
    refused(await api.post(path, json=body, auth=auth), 409, "last_authenticator")
    granted(await api.get("/v1/me", headers=bearer(device.token)))
    granted(await api.post(path, json={"reason": "Lost."}, auth=auth))


async def an_admin(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.ADMIN)


async def account_id(api: httpx.AsyncClient, token: str) -> str:
    return str(granted(await api.get("/v1/me", headers=bearer(token)))["id"])


# Registering


@pytest.mark.parametrize("passkey", [False, True], ids=["security key", "passkey"])
async def test_the_options_are_those_of_the_kind(
    api: httpx.AsyncClient,
    services: Services,
    passkey: bool,  # noqa: FBT001
) -> None:
    account = await an_account(services)
    begun = granted(await registration(api, await a_session(api), passkey=passkey), 201)
    assert begun["registration"].startswith("tkw_")
    assert begun["expires_in"] == 300
    options, wish = begun["public_key"], "required" if passkey else "discouraged"
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == (wish, wish)
    assert options["attestation"] == "none"
    assert options["user"]["name"] == account.address
    handle = unb64(options["user"]["id"])
    assert len(handle) == 32
    assert account.id.bytes not in handle
    assert options["excludeCredentials"] == []


async def test_the_user_id_stays_the_same_for_an_account(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    first, second = [granted(await registration(api, session), 201)["public_key"] for _ in range(2)]
    assert first["user"]["id"] == second["user"]["id"]
    assert first["challenge"] != second["challenge"]


async def test_credentials_of_the_account_are_excluded(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    held = await a_key(api, await a_session(api))
    options = granted(await registration(api, held.token), 201)["public_key"]
    assert options["excludeCredentials"] == [
        {"type": "public-key", "id": b64(held.key.credential_id), "transports": ["usb"]}
    ]


@pytest.mark.parametrize("owner", ["oneself", "another"])
async def test_a_credential_belongs_to_one_account(
    api: httpx.AsyncClient, services: Services, clock: SetClock, owner: str
) -> None:
    await an_account(services)
    held = await a_key(api, await a_session(api))
    token = held.token
    if owner == "another":
        await an_account(services, "eve@example.com")
        token = await a_session(api, "eve@example.com")
    begun = granted(await registration(api, token), 201)
    credential = held.key.create(begun["public_key"])
    refused(await register(api, token, begun["registration"], credential), 409, "authenticator_exists")


async def test_a_registration_is_good_for_one_try(api: httpx.AsyncClient, services: Services) -> None:
    """CVE-2026-32132, CVE-2026-37982: it has an end, and is used once, before the credential is looked at."""
    await an_account(services)
    session = await a_session(api)
    begun = granted(await registration(api, session), 201)
    secret, options, key = begun["registration"], begun["public_key"], SoftwareKey()
    wrong = key.create(options, origin="https://evil.example")
    refused(await register(api, session, secret, wrong), 403, "invalid_credential")
    refused(await register(api, session, secret, key.create(options)), 410, "registration_expired")
    assert (await recorded(services))[-1] == "two_factor.credential_refused"


async def test_a_registration_has_an_end(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    session = await a_session(api)
    begun = granted(await registration(api, session), 201)
    credential = SoftwareKey().create(begun["public_key"])
    clock.advance(timedelta(seconds=300))
    refused(await register(api, session, begun["registration"], credential), 410, "registration_expired")


async def test_a_registration_dies_with_the_epoch(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    begun = granted(await registration(api, session), 201)
    granted(await api.post("/v1/me/tokens/revoke-all", json={"keep_current": False}, headers=bearer(session)))
    session = await a_session(api)
    credential = SoftwareKey().create(begun["public_key"])
    refused(await register(api, session, begun["registration"], credential), 410, "registration_expired")


async def test_a_registration_of_another_account_is_unknown_and_stays_good(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    await an_account(services, "eve@example.com")
    session, eve = await a_session(api), await a_session(api, "eve@example.com")
    begun = granted(await registration(api, session), 201)
    credential = SoftwareKey().create(begun["public_key"])
    refused(await register(api, eve, begun["registration"], credential), 410, "registration_expired")
    granted(await register(api, session, begun["registration"], credential))


@pytest.mark.parametrize("secret", ["tkw_" + "A" * 43, "tkc_" + "A" * 43, "tkw_", "nothing"])
async def test_what_is_no_registration_has_expired(api: httpx.AsyncClient, services: Services, secret: str) -> None:
    await an_account(services)
    refused(await register(api, await a_session(api), secret, {}), 410, "registration_expired")


@pytest.mark.parametrize("credential", [None, [], "text", 7, True])
async def test_a_credential_that_is_no_object_spends_nothing(
    api: httpx.AsyncClient, services: Services, credential: Any
) -> None:
    await an_account(services)
    session = await a_session(api)
    begun = granted(await registration(api, session), 201)
    refused(await register(api, session, begun["registration"], credential), 422, "invalid_request")
    granted(await register(api, session, begun["registration"], SoftwareKey().create(begun["public_key"])))


async def test_a_passkey_without_user_verification_is_not_registered(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    session = await a_session(api)
    begun = granted(await registration(api, session, passkey=True), 201)
    credential = SoftwareKey(verifies_user=False).create(begun["public_key"])
    refused(await register(api, session, begun["registration"], credential), 403, "invalid_credential")
    assert granted(await api.get("/v1/me/2fa", headers=bearer(session)))["status"] == "disabled"


async def test_beginning_to_register_asks_for_the_password(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    refused(await registration(api, await a_session(api), password="a wrong one"), 403, "wrong_password")


async def test_events_of_authenticators_hold_no_secret(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    await a_key(api, device.token)
    found = await services.admin.events(EventFilter(type=EventType.AUTHENTICATOR_ADDED), after=None, limit=1)
    assert found.items[0].details.keys() == {"authenticator_id", "kind"}
