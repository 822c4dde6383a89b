"""Changing the password (docs/explanation/security.md)."""

from datetime import timedelta

import httpx
import pytest

from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    a_session,
    an_account,
    bearer,
    begin,
    enroll,
    log_in,
    totp_code,
)

pytestmark = pytest.mark.anyio


async def change(
    api: httpx.AsyncClient, token: str, current: str = PASSWORD, new: str = NEW_PASSWORD
) -> httpx.Response:
    body = {"current_password": current, "new_password": new}
    return await api.post("/v1/me/password", json=body, headers=bearer(token))


async def test_a_new_password_ends_everything_older_and_keeps_two_factor(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    changed = granted(await change(api, enrolled.token))
    assert changed["revoked"] == {"sessions": 1, "personal_tokens": 0}
    assert changed["grant"]["token"]["amr"] == ["pwd", "otp", "mfa"]
    assert changed["grant"]["account"]["two_factor"]["status"] == "enabled"
    refused(await api.get("/v1/me", headers=bearer(enrolled.token)), 401, "invalid_token")
    granted(await api.get("/v1/me", headers=bearer(changed["grant"]["access_token"])))
    refused(await log_in(api), 401, "invalid_credentials")
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"


async def test_a_new_password_drops_a_pending_enrollment(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    secret = (await begin(api, session))["secret"]
    fresh = granted(await change(api, session))["grant"]["access_token"]
    code = {"code": totp_code(secret, clock.now())}
    refused(await api.post("/v1/me/2fa/confirm", json=code, headers=bearer(fresh)), 409, "no_pending_enrollment")


async def test_a_wrong_or_a_weak_password_changes_nothing(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    refused(await change(api, session, current="not-the-password-at-all"), 403, "wrong_password")
    for weak in ("short", "password1234", EMAIL, "x" * 257):
        refused(await change(api, session, new=weak), 422, "weak_password")
    granted(await api.get("/v1/me", headers=bearer(session)))
    granted(await log_in(api))


async def test_a_right_password_before_a_weak_one_is_no_guess(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(12):
        refused(await change(api, session, new="short"), 422, "weak_password")
        clock.advance(timedelta(seconds=1))
    granted(await change(api, session))


async def test_a_right_password_before_a_wrong_code_is_no_guess(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    wrong = {"password": PASSWORD, "code": "000000"}
    for _ in range(10):
        refused(await api.post("/v1/me/2fa/disable", json=wrong, headers=bearer(enrolled.token)), 403, "invalid_code")
        clock.advance(timedelta(seconds=1))
    granted(await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(enrolled.token)))


async def test_the_password_that_one_has_is_no_new_one(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    refused(await change(api, session, new=PASSWORD), 422, "weak_password")
    assert granted(await api.get("/v1/me", headers=bearer(session)))["email"] == EMAIL


async def test_the_same_password_in_another_form_is_no_new_one(api: httpx.AsyncClient, services: Services) -> None:
    composed, decomposed = "gr\u00fcne-t\u00fcr-am-fl\u00fcsschen", "gru\u0308ne-tu\u0308r-am-flu\u0308sschen"
    await an_account(services, password=composed)
    session = await a_session(api, password=decomposed)
    refused(await change(api, session, decomposed, composed), 422, "weak_password")
    refused(await change(api, session, composed, decomposed), 422, "weak_password")


async def test_people_choose_the_language_of_their_mails(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = bearer(await a_session(api))

    for locale in ("de-AT", "de-AT", None):
        changed = granted(await api.patch("/v1/me", json={"locale": locale}, headers=session))
        assert changed["locale"] == locale
        assert granted(await api.get("/v1/me", headers=session)) == changed

    events = granted(await api.get("/v1/me/events", headers=session))["items"]
    told = [event["details"] for event in events if event["type"] == "account.updated"]
    assert told == [{"locale": None}, {"locale": "de-AT"}]


@pytest.mark.parametrize("body", [{}, {"locale": "de_AT"}, {"locale": 7}, {"locale": "de\u0000"}, {"email": EMAIL}])
async def test_what_is_no_language_is_refused(
    api: httpx.AsyncClient, services: Services, body: dict[str, object]
) -> None:
    await an_account(services)
    refused(await api.patch("/v1/me", json=body, headers=bearer(await a_session(api))), 422, "invalid_request")


async def test_a_personal_token_changes_no_language(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = bearer(await a_session(api))
    made = granted(await api.post("/v1/me/tokens", json={"description": "CI"}, headers=session), 201)
    answer = await api.patch("/v1/me", json={"locale": "de"}, headers=bearer(made["access_token"]))
    refused(answer, 403, "session_required")
