"""Logging in with a security key as the second step, and with a passkey alone."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.audit.domain import EventFilter
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.keys import (
    EDDSA,
    ES256,
    RS256,
    SoftwareKey,
    a_key,
    b64,
    challenge,
    log_in_with_key,
    log_in_with_passkey,
    options_of,
    passkey_options,
    second_step,
)
from tests.support.marks import given_settings
from tests.support.people import (
    STEP,
    a_request,
    a_session,
    an_account,
    an_operator,
    answer_challenge,
    bearer,
    enroll,
    enrolled_account,
    totp_code,
)

pytestmark = pytest.mark.anyio


async def recorded(services: Services) -> list[str]:
    found = await services.admin.events(EventFilter(), after=None, limit=200)
    return [event.type.value for event in reversed(found.items)]


async def mailed(services: Services) -> list[str]:
    async with services.database.autocommit() as connection:
        return [row[0] for row in await connection.execute(text("SELECT letter FROM outbox ORDER BY id"))]


async def keyholder(api: httpx.AsyncClient, services: Services, key: SoftwareKey | None = None) -> SoftwareKey:
    await an_account(services)
    return (await a_key(api, await a_session(api), key)).key


async def passkeyholder(api: httpx.AsyncClient, services: Services, key: SoftwareKey | None = None) -> SoftwareKey:
    await an_account(services)
    return (await a_key(api, await a_session(api), key, passkey=True)).key


# The second step


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
async def test_a_security_key_is_the_second_step(api: httpx.AsyncClient, services: Services, algorithm: int) -> None:
    key = await keyholder(api, services, SoftwareKey(algorithm, verifies_user=False))
    grant = granted(await log_in_with_key(api, key))
    assert grant["token"]["amr"] == ["pwd", "pop", "mfa"]
    assert (await recorded(services))[-1] == "login.succeeded"


async def test_the_options_name_the_credentials_of_the_account(api: httpx.AsyncClient, services: Services) -> None:
    key = await keyholder(api, services)
    options = await options_of(api, await challenge(api))
    assert options["allowCredentials"] == [{"type": "public-key", "id": b64(key.credential_id), "transports": ["usb"]}]
    assert options["userVerification"] == "discouraged"


async def test_an_account_without_a_key_has_no_options(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await enrolled_account(api, services, clock)
    answer = await api.post("/v1/login/two-factor/options", json={"challenge": await challenge(api)})
    refused(answer, 409, "method_not_available")


@pytest.mark.parametrize("secret", ["tkc_" + "A" * 43, "tkw_" + "A" * 43, "nothing"])
async def test_options_of_no_challenge_have_expired(api: httpx.AsyncClient, secret: str) -> None:
    refused(await api.post("/v1/login/two-factor/options", json={"challenge": secret}), 401, "challenge_expired")
    refused(await second_step(api, secret, {}), 401, "challenge_expired")


async def test_exactly_one_proof_is_sent(api: httpx.AsyncClient, services: Services) -> None:
    await keyholder(api, services)
    secret = await challenge(api)
    for proof in ({}, {"code": "123456", "credential": {}}, {"code": None}, {"credential": None}):
        body = {"challenge": secret, **proof}
        refused(await api.post("/v1/login/two-factor", json=body), 422, "invalid_request")


@pytest.mark.parametrize("credential", [[], "text", 7, True])
async def test_a_credential_that_is_no_object_counts_as_no_attempt(
    api: httpx.AsyncClient, services: Services, credential: Any
) -> None:
    key = await keyholder(api, services)
    secret = await challenge(api)
    options = await options_of(api, secret)
    refused(await second_step(api, secret, credential), 422, "invalid_request")
    granted(await second_step(api, secret, key.get(options)))


async def test_a_refused_credential_counts_on_the_challenge_and_not_on_the_account(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """It can't be guessed, and a count on the account would let strangers lock the owner out."""
    device = await enrolled_account(api, services, clock)
    await a_key(api, device.token)
    secret = await challenge(api)
    left = [
        refused(await second_step(api, secret, {}), 401, "invalid_credential")["attempts_remaining"] for _ in range(4)
    ]
    assert left == [4, 3, 2, 1]
    refused(await second_step(api, secret, {}), 401, "challenge_expired")
    refused(await second_step(api, secret, {}), 401, "challenge_expired")
    for _ in range(2):
        other = await challenge(api)
        for _ in range(4):
            refused(await second_step(api, other, {}), 401, "invalid_credential")
    code = totp_code(device.secret, clock.now())
    granted(await answer_challenge(api, await challenge(api), code))
    assert (await recorded(services)).count("two_factor.credential_refused") == 13


async def test_each_answer_needs_options_of_its_own(api: httpx.AsyncClient, services: Services) -> None:
    """The challenge is spent before the credential is parsed."""
    key = await keyholder(api, services)
    secret = await challenge(api)
    options = await options_of(api, secret)
    refused(await second_step(api, secret, {}), 401, "invalid_credential")
    refused(await second_step(api, secret, key.get(options)), 401, "invalid_credential")
    granted(await second_step(api, secret, key.get(await options_of(api, secret))))


async def test_a_wrong_code_in_between_leaves_the_options_good(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    secret = await challenge(api)
    options = await options_of(api, secret)
    refused(await answer_challenge(api, secret, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"), 401, "invalid_code")
    granted(await second_step(api, secret, held.key.get(options)))


async def test_an_answer_is_good_for_one_log_in(api: httpx.AsyncClient, services: Services) -> None:
    key = await keyholder(api, services)
    secret = await challenge(api)
    answer = key.get(await options_of(api, secret))
    granted(await second_step(api, secret, answer))
    refused(await second_step(api, secret, answer), 401, "challenge_expired")
    other = await challenge(api)
    refused(await second_step(api, other, answer), 401, "invalid_credential")


async def test_a_credential_is_accepted_while_codes_are_locked(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    for _ in range(2):
        secret = await challenge(api)
        for _ in range(5):
            await answer_challenge(api, secret, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF")
    granted(await log_in_with_key(api, held.key))
    code = totp_code(device.secret, clock.now())
    refused(await answer_challenge(api, await challenge(api), code), 429, "too_many_attempts")


async def test_another_accounts_key_does_not_get_in(api: httpx.AsyncClient, services: Services) -> None:
    """YSA-2026-02: the credential must be one of the account that the challenge is for."""
    await keyholder(api, services)
    await an_account(services, "eve@example.com")
    eve = (await a_key(api, await a_session(api, "eve@example.com"))).key
    secret = await challenge(api)
    options = await options_of(api, secret)
    refused(await second_step(api, secret, eve.get(options)), 401, "invalid_credential")


async def test_another_accounts_key_does_not_get_in_where_there_is_none(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await enrolled_account(api, services, clock)
    await an_account(services, "eve@example.com")
    eve = (await a_key(api, await a_session(api, "eve@example.com"))).key
    options = {"challenge": b64(bytes(32)), "rpId": "127.0.0.1"}
    refused(await second_step(api, await challenge(api), eve.get(options)), 401, "invalid_credential")


async def test_a_counter_that_stands_still_is_a_copy(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    key = await keyholder(api, services)
    for counter in (5, 6):
        secret = await challenge(api)
        granted(await second_step(api, secret, key.get(await options_of(api, secret), counter=counter)))
    for counter in (6, 5, 0):
        secret = await challenge(api)
        answer = key.get(await options_of(api, secret), counter=counter)
        refused(await second_step(api, secret, answer), 401, "invalid_credential")
    assert (await recorded(services)).count("authenticator.clone_suspected") == 3
    assert "authenticator_clone_suspected" in await mailed(services)
    key.counter = 6
    granted(await log_in_with_key(api, key))


async def test_a_counter_that_is_always_zero_is_no_copy(api: httpx.AsyncClient, services: Services) -> None:
    key = await keyholder(api, services, SoftwareKey(counts=False))
    for _ in range(2):
        granted(await log_in_with_key(api, key))
    assert "authenticator.clone_suspected" not in await recorded(services)


# A passkey alone


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
async def test_a_passkey_logs_in_alone(api: httpx.AsyncClient, services: Services, algorithm: int) -> None:
    """ory/kratos#2978: a passkey that verified its user is both factors."""
    key = await passkeyholder(api, services, SoftwareKey(algorithm, backed_up=True, counts=False))
    grant = granted(await log_in_with_passkey(api, key))
    assert grant["token"]["amr"] == ["pop", "user", "mfa"]
    assert grant["account"]["email"] == "ada@example.com"
    granted(await api.get("/v1/me", headers=bearer(grant["access_token"])))
    assert (await recorded(services))[-1] == "login.succeeded"


async def test_a_passkey_is_a_second_step_too(api: httpx.AsyncClient, services: Services) -> None:
    key = await passkeyholder(api, services)
    assert granted(await log_in_with_key(api, key))["token"]["amr"] == ["pwd", "pop", "mfa"]


async def test_the_options_tell_nothing_and_leave_nothing(api: httpx.AsyncClient, services: Services) -> None:
    """`allowCredentials` before the password would tell who has an account."""
    first, second = await passkey_options(api), await passkey_options(api)
    assert first.keys() == {"challenge", "expires_in", "public_key"}
    assert (first["challenge"][:4], first["expires_in"]) == ("tkc_", 300)
    assert first["public_key"].keys() == {"challenge", "timeout", "rpId", "userVerification"}
    assert first["public_key"]["userVerification"] == "required"
    assert len({first["challenge"], second["challenge"], first["public_key"]["challenge"]}) == 3
    async with services.database.autocommit() as connection:
        for table in ("webauthn_spent_challenges", "login_challenges", "events"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608


async def test_a_security_key_is_no_passkey(api: httpx.AsyncClient, services: Services) -> None:
    """discourse#40817: a credential that was made for one ceremony is refused in the other."""
    key = await keyholder(api, services)
    refused(await log_in_with_passkey(api, key), 401, "invalid_credential")


async def test_a_passkey_must_verify_its_user_each_time(api: httpx.AsyncClient, services: Services) -> None:
    """better-auth, voidauth#361: what only the browser was asked for proves nothing."""
    key = await passkeyholder(api, services)
    key.verifies_user = False
    refused(await log_in_with_passkey(api, key), 401, "invalid_credential")


async def test_a_passkeys_challenge_is_good_for_one_try(api: httpx.AsyncClient, services: Services) -> None:
    key = await passkeyholder(api, services)
    begun = await passkey_options(api)
    answer = key.get(begun["public_key"])
    wrong = {"challenge": begun["challenge"], "credential": {}}
    refused(await api.post("/v1/login/passkey", json=wrong), 401, "invalid_credential")
    right = {"challenge": begun["challenge"], "credential": answer}
    refused(await api.post("/v1/login/passkey", json=right), 401, "invalid_credential")
    other = await passkey_options(api)
    granted(
        await api.post(
            "/v1/login/passkey", json={"challenge": other["challenge"], "credential": key.get(other["public_key"])}
        )
    )


async def test_a_passkeys_answer_does_not_replay(api: httpx.AsyncClient, services: Services) -> None:
    key = await passkeyholder(api, services, SoftwareKey(counts=False))
    begun = await passkey_options(api)
    body = {"challenge": begun["challenge"], "credential": key.get(begun["public_key"])}
    granted(await api.post("/v1/login/passkey", json=body))
    refused(await api.post("/v1/login/passkey", json=body), 401, "invalid_credential")
    await services.worker.sweep()
    refused(await api.post("/v1/login/passkey", json=body), 401, "invalid_credential")
    fresh = await passkey_options(api)
    refused(
        await api.post("/v1/login/passkey", json=body | {"challenge": fresh["challenge"]}), 401, "invalid_credential"
    )


async def test_a_passkeys_challenge_has_an_end(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    key = await passkeyholder(api, services)
    begun = await passkey_options(api)
    clock.advance(timedelta(seconds=300))
    body = {"challenge": begun["challenge"], "credential": key.get(begun["public_key"])}
    refused(await api.post("/v1/login/passkey", json=body), 401, "invalid_credential")


async def test_the_challenges_of_ceremonies_are_not_each_others(api: httpx.AsyncClient, services: Services) -> None:
    key = await passkeyholder(api, services)
    first_step, begun = await challenge(api), await passkey_options(api)
    answer = key.get(await options_of(api, first_step))
    body = {"challenge": first_step, "credential": answer}
    refused(await api.post("/v1/login/passkey", json=body), 401, "invalid_credential")
    answer = key.get(begun["public_key"])
    refused(await second_step(api, begun["challenge"], answer), 401, "challenge_expired")


@pytest.mark.parametrize("change", [0, 4, 20, 42])
async def test_a_challenge_that_we_did_not_sign_is_none(
    api: httpx.AsyncClient, services: Services, change: int
) -> None:
    key = await passkeyholder(api, services)
    begun = await passkey_options(api)
    body = list(begun["challenge"])
    body[4 + change if change < 42 else -1] = "A" if body[4 + change if change < 42 else -1] != "A" else "B"
    forged = {"challenge": "".join(body), "credential": key.get(begun["public_key"])}
    refused(await api.post("/v1/login/passkey", json=forged), 401, "invalid_credential")


async def test_unknown_credentials_and_disabled_accounts_read_alike(api: httpx.AsyncClient, services: Services) -> None:
    key = await passkeyholder(api, services)
    account = (await services.admin.account_with_address("ada@example.com")).account
    unknown = SoftwareKey()
    unknown.user_handle = key.user_handle
    await services.admin.disable(account.id, an_operator(services))
    answers = [await log_in_with_passkey(api, each) for each in (unknown, key)]
    bodies = [refused(answer, 401, "invalid_credential") for answer in answers]
    for body in bodies:
        body.pop("request_id")
    assert bodies[0] == bodies[1]


async def test_a_removed_passkey_logs_nobody_in(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    """supabase/auth#2564: a credential must not outlive its account or its removal."""
    key = await passkeyholder(api, services)
    account = (await services.admin.account_with_address("ada@example.com")).account
    await services.admin.disable(account.id, an_operator(services))
    refused(await log_in_with_passkey(api, key), 401, "invalid_credential")
    await services.admin.enable(account.id, an_operator(services))
    await services.access.reset_two_factor(account.id, "Lost.", an_operator(services))
    refused(await log_in_with_passkey(api, key), 401, "invalid_credential")
    await services.admin.delete(account.id, an_operator(services))
    refused(await log_in_with_passkey(api, key), 401, "invalid_credential")


@given_settings(passkey_login=False)
async def test_where_passkeys_are_not_wanted_there_is_no_such_call(api: httpx.AsyncClient) -> None:
    refused(await api.post("/v1/login/passkey/options", json={}), 404, "not_found")
    body = {"challenge": "tkc_" + "A" * 43, "credential": {}}
    refused(await api.post("/v1/login/passkey", json=body), 404, "not_found")


async def test_every_call_of_the_log_in_shares_the_limit_of_requests(
    api: httpx.AsyncClient, services: Services
) -> None:
    for _ in range(60):
        granted(await api.post("/v1/login/passkey/options", json={}))
    body = {"challenge": "tkc_" + "A" * 43}
    for path, sent in (
        ("/v1/login/passkey/options", {}),
        ("/v1/login/passkey", body | {"credential": {}}),
        ("/v1/login/two-factor/options", body),
        ("/v1/login/two-factor", body | {"credential": {}}),
    ):
        refused(await api.post(path, json=sent), 429, "rate_limited")


async def test_a_grant_by_key_names_when_the_password_was_proved(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """`auth_time` is that of the oldest proof that `amr` names."""
    key = await keyholder(api, services)
    secret, proved = await challenge(api), clock.now()
    clock.advance(timedelta(seconds=120))
    token = granted(await second_step(api, secret, key.get(await options_of(api, secret))))["access_token"]
    caller = await services.tokens.check(token, a_request(services))
    assert caller.token.authenticated_at == proved


async def test_the_first_step_names_what_the_account_has(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    clock.advance(STEP)
    body = {"email": "ada@example.com", "password": "tangled-orchid-basement-41"}
    assert granted(await api.post("/v1/login", json=body))["methods"] == ["totp", "recovery_code"]
    await a_key(api, device.token)
    assert granted(await api.post("/v1/login", json=body))["methods"] == ["totp", "webauthn", "recovery_code"]
    async with services.database.autocommit() as connection:
        await connection.execute(text("DELETE FROM recovery_codes"))
    assert granted(await api.post("/v1/login", json=body))["methods"] == ["totp", "webauthn"]
