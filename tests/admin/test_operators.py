"""Operators' daily work: single tokens, locks, and pages of accounts by what is looked for."""

from datetime import timedelta

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import (
    EMAIL,
    PASSWORD,
    a_client,
    a_session,
    an_account,
    bearer,
    begin,
    enroll,
    log_in,
    totp_code,
)

pytestmark = pytest.mark.anyio
WHY = {"reason": "Called us; identity checked."}


@pytest.fixture
async def operator(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.ADMIN)


async def events(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> list[str]:
    return [item["type"] for item in granted(await api.get("/v1/admin/events", auth=operator))["items"]]


async def test_an_operator_sees_and_revokes_single_tokens(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    kept, lost = await a_session(api), await a_session(api)
    path = f"/v1/admin/accounts/{account.id}/tokens"
    items = granted(await api.get(path, auth=operator))["items"]
    assert [item["kind"] for item in items] == ["session", "session"]
    assert not any(item["current"] for item in items)
    assert (await api.delete(f"{path}/{items[0]['id']}", auth=operator)).status_code == 204
    refused(await api.get("/v1/me", headers=bearer(lost)), 401, "invalid_token")
    granted(await api.get("/v1/me", headers=bearer(kept)))
    refused(await api.delete(f"{path}/{items[0]['id']}", auth=operator), 404, "not_found")
    assert (await events(api, operator))[0] == "token.revoked"


async def test_a_token_is_found_in_its_own_account_alone(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    other = await an_account(services, "other@example.com")
    account = await an_account(services)
    token = await a_session(api)
    [mine] = granted(await api.get(f"/v1/admin/accounts/{account.id}/tokens", auth=operator))["items"]
    path = f"/v1/admin/accounts/{other.id}/tokens"
    refused(await api.delete(f"{path}/{mine['id']}", auth=operator), 404, "not_found")
    granted(await api.get("/v1/me", headers=bearer(token)))


async def test_unlocking_ends_both_locks_and_nothing_else(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, clock: SetClock
) -> None:
    account = await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    clock.advance(timedelta(minutes=1))
    for _ in range(10):
        await log_in(api, code="000000")
    for _ in range(11):
        await log_in(api, password="wrong-password")
    assert (await log_in(api)).status_code == 429
    unlocked = await api.post(f"/v1/admin/accounts/{account.id}/unlock", json=WHY, auth=operator)
    assert granted(unlocked)["two_factor"]["status"] == "enabled"
    code = totp_code(device.secret, clock.now())
    granted(await log_in(api, code=code))
    granted(await api.get("/v1/me", headers=bearer(device.token)))
    assert "account.unlocked" in await events(api, operator)


async def test_reading_and_writing_are_roles_of_their_own(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    auth = await a_client(services, Role.ACCOUNTS_READ)
    granted(await api.get(f"/v1/admin/accounts/{account.id}/tokens", auth=auth))
    refused(await api.post(f"/v1/admin/accounts/{account.id}/unlock", json=WHY, auth=auth), 403, "insufficient_role")


async def test_accounts_are_found_by_what_is_looked_for(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, clock: SetClock
) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    clock.advance(timedelta(days=1))
    between = clock.now().isoformat()
    clock.advance(timedelta(days=1))
    await an_account(services, "bob_1@example.com")
    await begin(api, await a_session(api, "bob_1@example.com"))
    eve = await an_account(services, "bobx@example.com")
    granted(await api.patch(f"/v1/admin/accounts/{eve.id}", json={"status": "disabled"}, auth=operator))

    async def found(**query: str) -> list[str]:
        page = granted(await api.get("/v1/admin/accounts", params=query, auth=operator))
        return sorted(item["email"] for item in page["items"])

    assert await found(two_factor="enabled") == [EMAIL]
    assert await found(two_factor="pending") == ["bob_1@example.com"]
    assert await found(two_factor="disabled") == ["bobx@example.com"]
    assert await found(status="disabled") == ["bobx@example.com"]
    assert await found(email_prefix="BOB") == ["bob_1@example.com", "bobx@example.com"]
    assert await found(email_prefix="bob_") == ["bob_1@example.com"]
    assert await found(email_prefix="%") == []
    assert await found(created_before=between) == [EMAIL]
    assert await found(created_after=between, status="active") == ["bob_1@example.com"]
    clock.advance(timedelta(hours=1))
    assert await found(two_factor="pending") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "gone"),
        ("two_factor", "on"),
        ("created_after", "yesterday"),
        ("created_after", "2026-01-01T00:00:00"),
    ],
)
async def test_a_filter_that_is_none_is_422(
    api: httpx.AsyncClient, operator: httpx.BasicAuth, name: str, value: str
) -> None:
    body = refused(await api.get("/v1/admin/accounts", params={name: value}, auth=operator), 422, "invalid_request")
    assert body["errors"][0]["pointer"] == f"/{name}"


async def test_a_personal_token_is_renamed_and_a_session_is_not(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    made = granted(await api.post("/v1/me/tokens", json={"description": "a"}, headers=bearer(session)), 201)["token"]
    path = f"/v1/me/tokens/{made['id']}"
    renamed = granted(await api.patch(path, json={"description": "Backup"}, headers=bearer(session)))
    assert renamed == made | {"description": "Backup"}
    current = granted(await api.get("/v1/me/tokens", headers=bearer(session)))["current"]["id"]
    again = await api.patch(f"/v1/me/tokens/{current}", json={"description": "x"}, headers=bearer(session))
    refused(again, 404, "not_found")
    await an_account(services, "other@example.com")
    foreign = await a_session(api, "other@example.com")
    refused(await api.patch(path, json={"description": "x"}, headers=bearer(foreign)), 404, "not_found")


async def test_the_strength_of_a_password_is_told_and_limited(api: httpx.AsyncClient) -> None:
    async def judge(password: str, **more: str) -> httpx.Response:
        return await api.post("/v1/password-strength", json={"password": password, **more})

    good = granted(await judge(PASSWORD))
    assert good == {"acceptable": True, "score": good["score"], "message": ""}
    assert good["score"] >= 3
    weak = granted(await judge("password1"))
    assert not weak["acceptable"]
    assert weak["message"]
    assert not granted(await judge("ada@example.com1", email="ada@example.com"))["acceptable"]
    refused(await judge("x", email="no address"), 422, "invalid_request")
    for _ in range(57):
        granted(await judge("password1"))
    refused(await judge("password1"), 429, "rate_limited")
    # Log-ins have a budget of their own.
    refused(await log_in(api), 401, "invalid_credentials")


async def test_services_find_the_calls_by_metadata(api: httpx.AsyncClient, services: Services) -> None:
    found = granted(await api.get("/.well-known/oauth-authorization-server"))
    base = services.settings.public_url
    assert found["issuer"] == base
    assert found["introspection_endpoint"] == f"{base}/v1/introspect"
    assert found["revocation_endpoint"] == f"{base}/v1/revoke"
    assert found["introspection_endpoint_auth_methods_supported"] == ["client_secret_basic"]
