"""Two requests at once over two connections: one winner, and the loser is answered as it would have been later."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted
from tests.support.keys import (
    SoftwareKey,
    a_key,
    authenticators,
    challenge,
    log_in_with_key,
    options_of,
    passkey_options,
    register,
    registration,
    second_step,
)
from tests.support.people import (
    PASSWORD,
    STEP,
    a_session,
    an_account,
    an_operator,
    bearer,
    enrolled_account,
    log_in,
    totp_code,
)

pytestmark = pytest.mark.anyio

ROUNDS = range(3)
EMAIL = "ada@example.com"


async def at_once(*requests: Coroutine[Any, Any, httpx.Response]) -> list[int]:
    statuses = [answer.status_code for answer in await asyncio.gather(*requests)]
    assert not [status for status in statuses if status >= 500], statuses
    return statuses


async def begun_replacement(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> tuple[str, str, str, dict[str, str]]:
    """The session, the old secret, the id of its device, and the body that confirms the new one."""
    device = await enrolled_account(api, services, clock)
    [old] = (await authenticators(api, device.token))["items"]
    body = {"password": PASSWORD, "replaces": old["id"]}
    begun = granted(await api.post("/v1/me/2fa/enrollment", json=body, headers=bearer(device.token)), 201)
    return device.token, device.secret, old["id"], {"code": totp_code(begun["secret"], clock.now())}


async def on_and_devices(services: Services) -> tuple[bool, int]:
    async with services.database.autocommit() as connection:
        on = await connection.scalar(text("SELECT enabled_at IS NOT NULL FROM two_factor_accounts"))
        return bool(on), int(await connection.scalar(text("SELECT count(*) FROM authenticators")) or 0)


def confirming(api: httpx.AsyncClient, token: str, body: dict[str, str]) -> Coroutine[Any, Any, httpx.Response]:
    return api.post("/v1/me/2fa/confirm", json=body, headers=bearer(token))


async def test_a_replacement_races_a_disabling(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    token, _, _, body = await begun_replacement(api, services, clock)
    off = api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(token))
    statuses = await at_once(confirming(api, token, body), off)
    assert sorted(statuses) in ([200, 401], [200, 409])
    assert await on_and_devices(services) in {(True, 1), (False, 0)}


async def test_a_replacement_races_a_reset_by_an_operator(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, _, _, body = await begun_replacement(api, services, clock)
    account = (await services.admin.account_with_address(EMAIL)).account
    reset = services.access.reset_two_factor(account.id, "Lost.", an_operator(services))
    answer, _ = await asyncio.gather(confirming(api, token, body), reset)
    assert answer.status_code in {200, 401, 409}
    # Whichever came first, the operator has the last word: nothing of the account is left on.
    assert await on_and_devices(services) == (False, 0)


async def test_a_replacement_races_a_removal_of_the_same_device(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    held = await a_key(api, device.token)
    app = (await authenticators(api, held.token))["items"][0]["id"]
    begin = {"password": PASSWORD, "replaces": app}
    begun = granted(await api.post("/v1/me/2fa/enrollment", json=begin, headers=bearer(held.token)), 201)
    body = {"code": totp_code(begun["secret"], clock.now())}
    path = f"/v1/me/2fa/authenticators/{app}/remove"
    removing = api.post(path, json={"password": PASSWORD}, headers=bearer(held.token))
    statuses = await at_once(confirming(api, held.token, body), removing)
    assert statuses.count(200) == 1
    on, devices = await on_and_devices(services)
    assert (on, devices) == (True, 2 if statuses[0] == 200 else 1)


async def test_a_replacement_races_a_log_in_by_the_old_device(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, secret, _, body = await begun_replacement(api, services, clock)
    confirmed, grant = await asyncio.gather(
        confirming(api, token, body), log_in(api, code=totp_code(secret, clock.now()))
    )
    assert confirmed.status_code == 200
    assert grant.status_code in {200, 401}
    if grant.status_code == 200:
        # It came first, and what it granted died with the replacement.
        dead = await api.get("/v1/me", headers=bearer(grant.json()["access_token"]))
        assert dead.status_code == 401
    clock.advance(STEP)
    assert (await log_in(api, code=totp_code(secret, clock.now()))).status_code == 401


async def test_two_confirmations_of_one_replacement_have_one_winner(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    token, _, _, body = await begun_replacement(api, services, clock)
    statuses = await at_once(confirming(api, token, body), confirming(api, token, body))
    assert statuses.count(200) == 1
    assert await on_and_devices(services) == (True, 1)


async def test_two_answers_with_one_counter_have_one_winner(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    key = (await a_key(api, await a_session(api))).key
    for counter in (5, 6, 7):
        secrets = [await challenge(api), await challenge(api)]
        answers = [key.get(await options_of(api, secret), counter=counter) for secret in secrets]
        steps = [second_step(api, secret, answer) for secret, answer in zip(secrets, answers, strict=True)]
        assert sorted(await at_once(*steps)) == [200, 401]


async def test_one_answer_sent_twice_logs_in_once(api: httpx.AsyncClient, services: Services) -> None:
    """Vaultwarden's two tabs, a find before a delete: both requests see the challenge, one gets it."""
    await an_account(services)
    key = (await a_key(api, await a_session(api), SoftwareKey(counts=False), passkey=True)).key
    for _ in ROUNDS:
        begun = await passkey_options(api)
        body = {"challenge": begun["challenge"], "credential": key.get(begun["public_key"])}
        statuses = await at_once(*(api.post("/v1/login/passkey", json=body) for _ in range(4)))
        assert sorted(statuses) == [200, 401, 401, 401]
        secret = await challenge(api)
        answer = key.get(await options_of(api, secret))
        statuses = await at_once(*(second_step(api, secret, answer) for _ in range(4)))
        assert statuses.count(200) == 1


async def test_two_registrations_by_one_secret_have_one_winner(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    for _ in ROUNDS:
        begun = granted(await registration(api, token), 201)
        credentials = [SoftwareKey().create(begun["public_key"]) for _ in range(2)]
        tries = [register(api, token, begun["registration"], credential) for credential in credentials]
        answers = await asyncio.gather(*tries)
        assert sorted(answer.status_code for answer in answers) in ([200, 401], [200, 410])
        token = next(answer.json()["grant"]["access_token"] for answer in answers if answer.status_code == 200)


async def test_two_additions_at_the_limit_have_one_winner(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    held = await a_key(api, await a_session(api))
    async with services.database.autocommit() as connection:
        for number in range(8):
            await connection.execute(text(_COPY_OF_A_KEY), {"credential": f"copy {number}".encode()})
    other = granted(await log_in_with_key(api, held.key))["access_token"]
    tries = []
    for token in (held.token, other):
        begun = granted(await registration(api, token), 201)
        tries.append(register(api, token, begun["registration"], SoftwareKey().create(begun["public_key"])))
    assert sorted(await at_once(*tries)) == [200, 409]
    assert (await on_and_devices(services))[1] == 10


_COPY_OF_A_KEY = """
    INSERT INTO authenticators (id, account_id, kind, name, created_at, credential_id, public_key, sign_count, passkey,
        backed_up, transports, rp_id)
    SELECT gen_random_uuid(), account_id, kind, name, created_at, :credential, public_key, sign_count, passkey,
        backed_up, transports, rp_id FROM authenticators LIMIT 1
"""


async def test_two_first_authenticators_have_one_winner(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    tries = []
    for token in (await a_session(api), await a_session(api)):
        begun = granted(await registration(api, token), 201)
        tries.append(register(api, token, begun["registration"], SoftwareKey().create(begun["public_key"])))
    statuses = await at_once(*tries)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 410}
    assert await on_and_devices(services) == (True, 1)


async def test_reauthenticating_twice_by_one_code_grants_one_session(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    body = {"code": totp_code(device.secret, clock.now())}
    tries = [api.post("/v1/me/reauthenticate", json=body, headers=bearer(device.token)) for _ in range(2)]
    statuses = await at_once(*tries)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 403}
