"""Proving oneself again: by password, code or credential; and what asks for a fresh proof."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from app.tokens.domain import Caller
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.keys import (
    SoftwareKey,
    a_key,
    passkey_options,
    reauthenticate,
    reauthentication_options,
    registration,
)
from tests.support.people import (
    PASSWORD,
    STEP,
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


async def caller_of(services: Services, token: str) -> Caller:
    return await services.tokens.check(token, a_request(services))


async def stale_holder(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> tuple[str, str, SoftwareKey, list[str]]:
    """A session, the secret of its app, its key, its recovery codes; the proof is older than a fresh one may be."""
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    clock.advance(LATER)
    return held.token, device.secret, held.key, device.recovery_codes


async def test_a_code_makes_a_session_fresh(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    token, secret, *_ = await stale_holder(api, services, clock)
    refused(await registration(api, token), 403, "reauthentication_required")
    body = granted(await reauthenticate(api, token, code=totp_code(secret, clock.now())))
    assert body.keys() == {"grant", "revoked"}
    assert body["revoked"] == {"sessions": 1, "personal_tokens": 0}
    assert body["grant"]["token"]["amr"] == ["pwd", "pop", "otp", "mfa"]
    refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")
    fresh = body["grant"]["access_token"]
    assert (await caller_of(services, fresh)).token.authenticated_at == clock.now()
    granted(await registration(api, fresh), 201)


async def test_a_recovery_code_makes_a_session_fresh(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, _, _, codes = await stale_holder(api, services, clock)
    body = granted(await reauthenticate(api, token, code=codes[0]))
    assert body["grant"]["token"]["amr"] == ["pwd", "pop", "recovery_code", "mfa"]
    assert body["grant"]["account"]["two_factor"]["recovery_codes_remaining"] == 9
    refused(await reauthenticate(api, body["grant"]["access_token"], code=codes[0]), 403, "invalid_code")


async def test_a_credential_makes_a_session_fresh(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    token, _, key, _ = await stale_holder(api, services, clock)
    begun = granted(await reauthentication_options(api, token))
    assert begun.keys() == {"challenge", "expires_in", "public_key"}
    assert len(begun["public_key"]["allowCredentials"]) == 1
    answer = key.get(begun["public_key"])
    body = granted(await reauthenticate(api, token, challenge=begun["challenge"], credential=answer))
    fresh = body["grant"]["access_token"]
    granted(await registration(api, fresh), 201)
    refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")


async def test_who_loses_a_race_with_a_credential_has_a_dead_token(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, _, key, _ = await stale_holder(api, services, clock)
    begun = granted(await reauthentication_options(api, token))
    proof = {"challenge": begun["challenge"], "credential": key.get(begun["public_key"])}
    first, *others = sorted(
        await asyncio.gather(*(reauthenticate(api, token, **proof) for _ in range(4))),
        key=lambda answer: answer.status_code,
    )
    granted(first)
    for each in others:
        refused(each, 401, "invalid_token")


async def test_a_password_does_without_two_factors(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    token = await a_session(api)
    clock.advance(LATER)
    refused(await reauthenticate(api, token, password="a wrong one entirely"), 403, "wrong_password")
    body = granted(await reauthenticate(api, token, password=PASSWORD))
    assert body["grant"]["token"]["amr"] == ["pwd"]
    assert (await caller_of(services, body["grant"]["access_token"])).token.authenticated_at == clock.now()
    refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")


async def test_a_password_alone_does_not_do_with_two_factors(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, *_ = await stale_holder(api, services, clock)
    refused(await reauthenticate(api, token, password=PASSWORD), 403, "second_factor_required")
    refused(await registration(api, token), 403, "reauthentication_required")


async def test_a_code_is_no_proof_without_two_factors(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    refused(await reauthenticate(api, token, code="123456"), 422, "invalid_request")
    refused(await reauthentication_options(api, token), 409, "method_not_available")


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"password": PASSWORD, "code": "123456"},
        {"challenge": "tkc_x"},
        {"credential": {}},
        {"code": "123456", "challenge": "tkc_x"},
        {"password": PASSWORD, "challenge": "tkc_x", "credential": {}},
        {"challenge": "tkc_x", "credential": []},
        {"challenge": "tkc_x", "credential": "text"},
        {"code": "12345"},
    ],
)
async def test_exactly_one_proof_is_taken(api: httpx.AsyncClient, services: Services, proof: dict[str, Any]) -> None:
    await an_account(services)
    refused(await reauthenticate(api, await a_session(api), **proof), 422, "invalid_request")


async def test_wrong_codes_count_as_everywhere(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    wrong = wrong_code(device.secret, clock)
    left = [
        refused(await reauthenticate(api, device.token, code=wrong), 403, "invalid_code")["attempts_remaining"]
        for _ in range(10)
    ]
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    right = totp_code(device.secret, clock.now())
    refused(await reauthenticate(api, device.token, code=right), 429, "too_many_attempts")
    refused(await log_in(api, code=right), 429, "too_many_attempts")


async def test_a_credential_is_good_for_one_try(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    token, _, key, _ = await stale_holder(api, services, clock)
    begun = granted(await reauthentication_options(api, token))
    answer = key.get(begun["public_key"])
    refused(await reauthenticate(api, token, challenge=begun["challenge"], credential={}), 403, "invalid_credential")
    again = await reauthenticate(api, token, challenge=begun["challenge"], credential=answer)
    refused(again, 403, "invalid_credential")


async def test_a_challenge_is_good_for_the_session_that_asked(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, secret, key, _ = await stale_holder(api, services, clock)
    other = granted(await log_in(api, code=totp_code(secret, clock.now())))["access_token"]
    begun = granted(await reauthentication_options(api, token))
    answer = key.get(begun["public_key"])
    stolen = await reauthenticate(api, other, challenge=begun["challenge"], credential=answer)
    refused(stolen, 403, "invalid_credential")
    passkey = await passkey_options(api)
    crossed = await reauthenticate(
        api, token, challenge=passkey["challenge"], credential=key.get(passkey["public_key"])
    )
    refused(crossed, 403, "invalid_credential")


async def test_a_personal_token_does_not_reauthenticate(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """A step-up must not raise what does not belong to a person at a screen."""
    device = await enrolled_account(api, services, clock)
    made = await api.post("/v1/me/tokens", json={"description": "x"}, headers=bearer(device.token))
    personal = granted(made, 201)["access_token"]
    code = totp_code(device.secret, clock.now())
    refused(await reauthenticate(api, personal, code=code), 403, "session_required")
    refused(await reauthentication_options(api, personal), 403, "session_required")


async def test_creating_a_personal_token_needs_a_fresh_proof(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, *_ = await stale_holder(api, services, clock)
    made = await api.post("/v1/me/tokens", json={"description": "x"}, headers=bearer(token))
    refused(made, 403, "reauthentication_required")


async def test_other_sessions_stay(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    other = granted(await log_in(api, code=totp_code(device.secret, clock.now())))["access_token"]
    clock.advance(STEP)
    granted(await reauthenticate(api, device.token, code=totp_code(device.secret, clock.now())))
    granted(await api.get("/v1/me", headers=bearer(other)))


# What other services see


async def forward(api: httpx.AsyncClient, token: str, **query: Any) -> httpx.Response:
    return await api.get("/v1/forward-auth", params=query, headers=bearer(token))


async def test_a_proof_that_is_too_old_for_a_proxy(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    """RFC 9470: 401, since a new proof changes it."""
    token, secret, *_ = await stale_holder(api, services, clock)
    assert (await forward(api, token, max_age=901)).status_code == 204
    old = await forward(api, token, max_age=900)
    body = refused(old, 401, "reauthentication_required")
    assert body["max_age"] == 900
    expected = 'Bearer error="insufficient_user_authentication", max_age="900"'
    assert old.headers["www-authenticate"] == expected
    fresh = granted(await reauthenticate(api, token, code=totp_code(secret, clock.now())))["grant"]["access_token"]
    assert (await forward(api, fresh, max_age=0)).status_code == 204


async def test_use_does_not_renew_a_proof(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    token = await a_session(api)
    clock.advance(timedelta(seconds=100))
    assert (await forward(api, token)).status_code == 204
    refused(await forward(api, token, max_age=99), 401, "reauthentication_required")


async def test_a_proxy_can_ask_for_a_proof_that_resists_phishing(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    by_code = await forward(api, device.token, phishing_resistant="true")
    refused(by_code, 403, "insufficient_authentication")
    assert "insufficient_user_authentication" in by_code.headers["www-authenticate"]
    assert (await forward(api, device.token, phishing_resistant="false")).status_code == 204
    held = await a_key(api, device.token)
    passed = await forward(api, held.token, phishing_resistant="true", acr="aal2")
    assert (passed.status_code, passed.headers["x-auth-amr"]) == (204, "pwd,pop,mfa")


async def test_a_log_in_by_one_factor_is_told_what_would_do(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    answer = await forward(api, await a_session(api), acr="aal2")
    refused(answer, 403, "insufficient_authentication")
    expected = 'Bearer error="insufficient_user_authentication", acr_values="aal2"'
    assert answer.headers["www-authenticate"] == expected


@pytest.mark.parametrize("query", [{"max_age": "-1"}, {"max_age": "x"}, {"phishing_resistant": "maybe"}])
async def test_what_a_proxy_asks_in_other_words_is_refused(
    api: httpx.AsyncClient, services: Services, query: dict[str, str]
) -> None:
    """A slip must not let everybody pass."""
    await an_account(services)
    refused(await forward(api, await a_session(api), **query), 422, "invalid_request")


async def test_introspection_tells_of_phishing_resistance_and_the_epoch(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    auth = await a_client(services, Role.INTROSPECT)

    async def told(token: str) -> dict[str, Any]:
        return granted(await api.post("/v1/introspect", data={"token": token}, auth=auth))

    before = await told(device.token)
    assert (before["phishing_resistant"], before["acr"]) == (False, "aal2")
    held = await a_key(api, device.token)
    after = await told(held.token)
    assert (after["phishing_resistant"], after["acr"], after["epoch"]) == (True, "aal2", before["epoch"])
    made = await api.post("/v1/me/tokens", json={"description": "x"}, headers=bearer(held.token))
    personal = await told(granted(made, 201)["access_token"])
    assert (personal["phishing_resistant"], personal["amr"]) == (True, after["amr"])
    off = await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(held.token))
    gone = await told(granted(off)["grant"]["access_token"])
    assert gone["epoch"] > after["epoch"]
