"""`/v1/introspect` (RFC 7662) and `/v1/revoke` (RFC 7009), as a backend that knows only the RFCs meets them."""

import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from app.settings import Settings
from tests.conftest import SetClock, running_application
from tests.integrations.clients import Known, a_client, introspect
from tests.support.answers import granted, has_common_headers, refused
from tests.support.people import (
    EMAIL,
    PASSWORD,
    a_session,
    an_account,
    bearer,
    enroll,
    log_in,
    totp_code,
    until_use_is_written,
)

pytestmark = pytest.mark.anyio
BOTH = pytest.mark.parametrize("path", ["/v1/introspect", "/v1/revoke"])
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
INACTIVE = {"active": False}


@pytest.fixture
async def shop(services: Services) -> Known:
    return await a_client(services)


@pytest.fixture
async def other(settings: Settings, clock: SetClock) -> AsyncIterator[httpx.AsyncClient]:
    """Another process of the service, as far as memory goes: nothing is shared but the database."""
    async with (
        running_application(settings, clock) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://other") as client,
    ):
        yield client


def seconds(at: datetime) -> int:
    return int(at.timestamp())


async def a_personal_token(api: httpx.AsyncClient, session: str, **more: Any) -> dict[str, Any]:
    values = {"description": "Backup", **more}
    return granted(await api.post("/v1/me/tokens", json=values, headers=bearer(session)), 201)


async def test_a_session_by_password(api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Known) -> None:
    account = await an_account(services)
    grant = granted(await log_in(api))
    assert await introspect(api, shop, grant["access_token"]) == {
        "active": True,
        "sub": str(account.id),
        "username": EMAIL,
        "email_verified": False,
        "external_id": None,
        "token_type": "Bearer",
        "iat": seconds(clock.now()),
        "exp": seconds(clock.now() + timedelta(hours=1)),
        "auth_time": seconds(clock.now()),
        "jti": grant["token"]["id"],
        "amr": ["pwd"],
        "acr": "aal1",
        "kind": "session",
        "epoch": 0,
        "phishing_resistant": False,
    }


async def test_a_session_by_two_factors(
    api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Known
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    confirmed = await introspect(api, shop, device.token)
    assert (confirmed["amr"], confirmed["acr"]) == (["pwd", "otp", "mfa"], "aal2")
    clock.advance(timedelta(seconds=30))
    by_code = granted(await log_in(api, code=totp_code(device.secret, clock.now())))["access_token"]
    assert (await introspect(api, shop, by_code))["acr"] == "aal2"
    by_recovery = granted(await log_in(api, code=device.recovery_codes[0]))["access_token"]
    found = await introspect(api, shop, by_recovery)
    assert (found["amr"], found["acr"]) == (["pwd", "recovery_code", "mfa"], "aal2")


async def test_a_personal_token(api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Known) -> None:
    await an_account(services)
    logged_in_at, session = clock.now(), await a_session(api)
    clock.advance(timedelta(minutes=10))
    endless = await a_personal_token(api, session)
    found = await introspect(api, shop, endless["access_token"])
    assert found["kind"] == "personal"
    assert "exp" not in found
    assert (found["iat"], found["auth_time"]) == (seconds(clock.now()), seconds(logged_in_at))
    short = await a_personal_token(api, session, max_age_seconds=60)
    assert (await introspect(api, shop, short["access_token"]))["exp"] == seconds(clock.now()) + 60


async def test_exp_is_the_earliest_end(
    api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Known
) -> None:
    await an_account(services)
    began, token = clock.now(), await a_session(api)
    for _ in range(47):
        clock.advance(timedelta(minutes=30))
        await introspect(api, shop, token)
        await until_use_is_written(services, token)
    found = await introspect(api, shop, token)
    assert found["exp"] == seconds(began + timedelta(days=1))
    clock.advance(timedelta(seconds=found["exp"] - seconds(clock.now()) - 1))
    assert (await introspect(api, shop, token))["active"]
    clock.advance(timedelta(seconds=1))
    assert await introspect(api, shop, token) == INACTIVE


async def test_exp_counts_the_use_that_the_question_is(
    api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Known
) -> None:
    await an_account(services)
    session = await a_session(api)
    body = {"description": "Backup", "max_age_seconds": 60, "extend_when_used": True}
    personal = granted(await api.post("/v1/me/tokens", json=body, headers=bearer(session)), 201)["access_token"]
    clock.advance(timedelta(seconds=45))
    assert (await introspect(api, shop, personal))["exp"] == seconds(clock.now()) + 60
    assert (await introspect(api, shop, session))["exp"] == seconds(clock.now()) + 3600


async def test_at_exp_an_idle_session_is_dead(
    api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Known
) -> None:
    await an_account(services)
    token = await a_session(api)
    end = (await introspect(api, shop, token))["exp"]
    clock.advance(datetime.fromtimestamp(end, UTC) - clock.now())
    assert await introspect(api, shop, token) == INACTIVE
    refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")


@pytest.mark.parametrize(
    "token",
    ["x", "tks_", "tks_" + "A" * 43, "tkp_" + "A" * 43, "tki_" + "A" * 43, "Ünïcode", "a b", "\0", "%FF", "x" * 5000],
)
async def test_any_other_text_is_inactive_and_nothing_more(api: httpx.AsyncClient, shop: Known, token: str) -> None:
    assert await introspect(api, shop, token) == INACTIVE


async def test_a_clients_own_secret_is_no_token(api: httpx.AsyncClient, shop: Known) -> None:
    assert await introspect(api, shop, shop.secret) == INACTIVE


Ending = Callable[[httpx.AsyncClient, Services, str, Known], Any]


async def _revokes(api: httpx.AsyncClient, services: Services, token: str, shop: Known) -> None:
    granted(await api.post("/v1/revoke", data={"token": token}, auth=shop.basic))


async def _logs_out(api: httpx.AsyncClient, services: Services, token: str, shop: Known) -> None:
    assert (await api.post("/v1/logout", headers=bearer(token))).status_code == 204


async def _changes_the_password(api: httpx.AsyncClient, services: Services, token: str, shop: Known) -> None:
    values = {"current_password": PASSWORD, "new_password": "walnut-harbour-sixteen-kites"}
    granted(await api.post("/v1/me/password", json=values, headers=bearer(token)))


async def _is_disabled(api: httpx.AsyncClient, services: Services, token: str, shop: Known) -> None:
    operator = await a_client(services, Role.ADMIN)
    account = granted(await api.get("/v1/me", headers=bearer(token)))["id"]
    values = {"status": "disabled"}
    granted(await api.patch(f"/v1/admin/accounts/{account}", json=values, auth=operator.basic))


async def _revokes_all(api: httpx.AsyncClient, services: Services, token: str, shop: Known) -> None:
    granted(await api.post("/v1/me/tokens/revoke-all", json={"keep_current": False}, headers=bearer(token)))


async def _confirms(api: httpx.AsyncClient, services: Services, token: str, shop: Known) -> None:
    await enroll(api, token, services.clock.now())


@pytest.mark.parametrize("end", [_revokes, _logs_out, _changes_the_password, _is_disabled, _revokes_all, _confirms])
async def test_the_first_answer_after_a_revocation_is_right_on_every_process(
    api: httpx.AsyncClient, other: httpx.AsyncClient, services: Services, shop: Known, end: Ending
) -> None:
    await an_account(services)
    token = await a_session(api)
    for process in (api, other):
        assert (await introspect(process, shop, token))["active"]
    await end(api, services, token, shop)
    assert await introspect(other, shop, token) == INACTIVE
    assert await introspect(api, shop, token) == INACTIVE
    refused(await other.get("/v1/me", headers=bearer(token)), 401, "invalid_token")


async def test_a_revoked_token_is_dead_and_its_siblings_live(
    api: httpx.AsyncClient, services: Services, shop: Known
) -> None:
    await an_account(services)
    session, kept = await a_session(api), await a_session(api)
    personal = (await a_personal_token(api, kept))["access_token"]
    for token in (session, personal):
        answer = await api.post("/v1/revoke", data={"token": token, "token_type_hint": "access_token"}, auth=shop.basic)
        assert granted(answer) == {}
        refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")
    newest = granted(await api.get("/v1/me/events", params={"limit": 2}, headers=bearer(kept)))["items"]
    assert [event["type"] for event in newest] == ["token.revoked", "token.revoked"]
    assert all(event["details"]["client_id"] == shop.id for event in newest)


async def test_revoking_what_is_no_live_token_is_done_already(
    api: httpx.AsyncClient, services: Services, shop: Known
) -> None:
    await an_account(services)
    token = await a_session(api)
    for text in (token, token, "tks_" + "A" * 43, shop.secret, "nonsense"):
        answer = await api.post("/v1/revoke", data={"token": text, "token_type_hint": "unheard_of"}, auth=shop.basic)
        assert granted(answer) == {}
    # The client itself is as it was.
    assert await introspect(api, shop, token) == INACTIVE


def the_error(answer: httpx.Response, status: int, code: str, error: str) -> None:
    """A problem that speaks OAuth as well (RFC 6749 §5.2)."""
    body = answer.json()
    assert (answer.status_code, body["code"], body["error"]) == (status, code, error), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    has_common_headers(answer)
    assert answer.headers.get("www-authenticate") == ("Basic" if status == 401 else None)


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"token=",
        b"token",
        b"toke=x",
        b"token=a&token=b",
        b"\xff\xfe",
        b"&".join([b"a=b"] * 30 + [b"token=x"]),
    ],
)
async def test_a_form_without_one_token_is_400(api: httpx.AsyncClient, shop: Known, path: str, body: bytes) -> None:
    answer = await api.post(path, content=body, headers=FORM, auth=shop.basic)
    the_error(answer, 400, "invalid_request", "invalid_request")


@BOTH
@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", "", None, "application/x-www"]
)
async def test_a_body_that_is_no_form_is_415(
    api: httpx.AsyncClient, shop: Known, path: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await api.post(path, content=b"token=x", headers=headers, auth=shop.basic)
    the_error(answer, 415, "unsupported_media_type", "invalid_request")


@BOTH
async def test_what_is_refused_before_the_route_has_an_error_too(
    api: httpx.AsyncClient, shop: Known, path: str
) -> None:
    answer = await api.post(path, content=b"token=" + b"x" * 70_000, headers=FORM, auth=shop.basic)
    the_error(answer, 413, "body_too_large", "invalid_request")
    answer = await api.post(f"{path}?{'x' * 20_000}", content=b"token=x", headers=FORM, auth=shop.basic)
    the_error(answer, 414, "target_too_long", "invalid_request")


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-UrlEncoded"]
)
async def test_a_form_may_say_more_about_itself(api: httpx.AsyncClient, shop: Known, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = await api.post("/v1/introspect", content=b"token=x&resource=y", headers=headers, auth=shop.basic)
    assert granted(answer) == INACTIVE


def _encoded(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@BOTH
@pytest.mark.parametrize(
    "values", [None, "Bearer {secret}", "Basic", "Basic ", "Basic %%%", "Basic {secret}", "{secret}"]
)
async def test_what_is_not_basic_is_401(api: httpx.AsyncClient, shop: Known, path: str, values: str | None) -> None:
    headers = {} if values is None else {"Authorization": values.format(secret=shop.secret)}
    the_error(await api.post(path, data={"token": "x"}, headers=headers), 401, "invalid_client", "invalid_client")


@BOTH
@pytest.mark.parametrize(
    "values",
    [
        "{id}",
        "{id}:",
        ":{secret}",
        "{secret}:{id}",
        "{id}:{others}",
        "{id}:tks_{bare}",
        "{id}:{secret}A",
        "{id}:{secret}\n",
        "{id}:{secret}\0",
        "{id}:tki_ééééééééééééééééééééééééééééééééééééééééééé",
        "{{{id}}}:{secret}",
        "urn:uuid:{id}:{secret}",
        "{upper}:{secret}",
        " {id}:{secret}",
    ],
)
async def test_a_wrong_client_is_401(
    api: httpx.AsyncClient, services: Services, shop: Known, path: str, values: str
) -> None:
    others = (await a_client(services)).secret
    facts = {"id": shop.id, "upper": shop.id.upper(), "secret": shop.secret, "bare": shop.secret[4:], "others": others}
    headers = {"Authorization": _encoded(values.format(**facts))}
    answer = await api.post(path, data={"token": "x"}, headers=headers)
    the_error(answer, 401, "invalid_client", "invalid_client")
    assert shop.secret not in answer.text


@BOTH
@pytest.mark.parametrize("body", [b"", b"token=a&token=b", b"{}"])
async def test_who_asks_comes_before_what(
    api: httpx.AsyncClient, services: Services, shop: Known, path: str, body: bytes
) -> None:
    """Nobody learns anything about the call without being a client."""
    wrong = (shop.id, (await a_client(services)).secret)
    the_error(await api.post(path, content=body, headers=FORM, auth=wrong), 401, "invalid_client", "invalid_client")
    operator = await a_client(services, Role.ADMIN)
    answer = await api.post(path, content=body, headers=FORM, auth=operator.basic)
    the_error(answer, 403, "insufficient_role", "unauthorized_client")


@BOTH
async def test_the_scheme_is_known_in_any_case(api: httpx.AsyncClient, shop: Known, path: str) -> None:
    for scheme in ("basic", "BASIC", "Basic "):
        headers = {"Authorization": _encoded(f"{shop.id}:{shop.secret}").replace("Basic", scheme)}
        granted(await api.post(path, data={"token": "x"}, headers=headers))


@BOTH
async def test_the_role_admin_alone_is_not_enough(api: httpx.AsyncClient, services: Services, path: str) -> None:
    operator = await a_client(services, Role.ADMIN)
    answer = await api.post(path, data={"token": "x"}, auth=operator.basic)
    the_error(answer, 403, "insufficient_role", "unauthorized_client")


@BOTH
async def test_a_deleted_client_is_refused_at_once(
    api: httpx.AsyncClient, other: httpx.AsyncClient, services: Services, shop: Known, path: str
) -> None:
    await introspect(other, shop, "x")
    await services.clients.delete(UUID(shop.id))
    for process in (other, api):
        answer = await process.post(path, data={"token": "x"}, auth=shop.basic)
        the_error(answer, 401, "invalid_client", "invalid_client")


@BOTH
async def test_credentials_in_the_form_do_not_count(api: httpx.AsyncClient, shop: Known, path: str) -> None:
    """RFC 6749 §2.3.1 lets a server leave this out; our API takes Basic alone."""
    values = {"token": "x", "client_id": shop.id, "client_secret": shop.secret}
    the_error(await api.post(path, data=values), 401, "invalid_client", "invalid_client")


@BOTH
async def test_another_method_is_405(api: httpx.AsyncClient, shop: Known, path: str) -> None:
    """A token in a query would stand in logs (RFC 7662 §2.1)."""
    answer = await api.get(path, params={"token": "x"}, auth=shop.basic)
    the_error(answer, 405, "method_not_allowed", "invalid_request")
