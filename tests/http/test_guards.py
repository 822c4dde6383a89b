"""Who may what, where one guard alone stands: tokens, clients, fields, lists."""

import asyncio

import asyncpg
import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    STEP,
    a_client,
    a_session,
    an_account,
    an_operator,
    answer_challenge,
    bearer,
    begin,
    enroll,
    log_in,
    totp_code,
)
from tests.support.postgres import WAITING

pytestmark = pytest.mark.anyio


async def test_disabling_an_account_ends_its_challenges(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    account = await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    challenge = granted(await log_in(api))["challenge"]
    clock.advance(STEP)
    code = totp_code(device.secret, clock.now())
    await services.admin.disable(account.id, an_operator(services))
    refused(await answer_challenge(api, challenge, code), 401, "challenge_expired")
    await services.admin.enable(account.id, an_operator(services))
    refused(await answer_challenge(api, challenge, code), 401, "challenge_expired")


async def test_a_code_with_a_challenge_locks_the_account_before_the_challenge(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    """As a deletion does: the other way round the two would wait for each other."""
    account = await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    challenge = granted(await log_in(api))["challenge"]
    deletion, watcher = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    async with deletion.transaction():
        await deletion.execute("SELECT FROM accounts WHERE id = $1 FOR UPDATE", account.id)
        counting = asyncio.create_task(answer_challenge(api, challenge, "A" * 24))
        while not counting.done() and not await watcher.fetchval(WAITING):  # noqa: ASYNC110 - of another program
            await asyncio.sleep(0.01)
        await deletion.execute("SELECT FROM login_challenges FOR UPDATE NOWAIT")
    # Whoever waited more than three seconds for the account was told to ask again.
    assert (await counting).status_code in {401, 503}
    await deletion.close()
    await watcher.close()


async def test_turning_it_off_and_beginning_anew_ends_a_challenge(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    challenge = granted(await log_in(api))["challenge"]
    off = await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(device.token))
    secret = (await begin(api, granted(off)["grant"]["access_token"]))["secret"]
    clock.advance(STEP)
    for each in (secret, device.secret):
        code = totp_code(each, clock.now())
        refused(await answer_challenge(api, challenge, code), 401, "challenge_expired")


async def test_a_personal_token_changes_no_password(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = bearer(await a_session(api))
    made = granted(await api.post("/v1/me/tokens", json={"description": "Backup"}, headers=session), 201)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    answer = await api.post("/v1/me/password", json=body, headers=bearer(made["access_token"]))
    refused(answer, 403, "session_required")
    granted(await log_in(api))


async def test_a_bad_body_is_refused_before_a_token_of_the_wrong_kind(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    session = bearer(await a_session(api))
    made = granted(await api.post("/v1/me/tokens", json={"description": "Backup"}, headers=session), 201)
    personal = bearer(made["access_token"])
    for path in ("/v1/me/password", "/v1/me/tokens", "/v1/me/2fa/disable", "/v1/me/reauthenticate"):
        answer = await api.post(path, json={"surprise": True}, headers=personal)
        assert "surprise" in [error["pointer"][1:] for error in refused(answer, 422, "invalid_request")["errors"]]
        refused(await api.post(path, headers=personal), 422, "invalid_request")
        refused(await api.post(path, json={"surprise": True}, headers=bearer("tkp_x")), 401, "invalid_token")


async def test_events_are_ones_own(api: httpx.AsyncClient, services: Services) -> None:
    seen: list[set[str]] = []
    for email in (EMAIL, "eve@example.com"):
        await an_account(services, email)
        token = await a_session(api, email)
        page = granted(await api.get("/v1/me/events", params={"limit": 200}, headers=bearer(token)))
        seen.append({event["id"] for event in page["items"]})
    assert len(seen[0]) == len(seen[1]) == 2
    assert not seen[0] & seen[1]


async def test_an_unknown_field_is_refused(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    answer = refused(await log_in(api, remember_me=True), 422, "invalid_request")
    assert answer["errors"] == [{"pointer": "/remember_me", "message": "There is no such field here."}]


async def test_a_user_agent_is_kept_short_and_printable(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    headers = [(b"user-agent", b"Agent\t\x9b31m\x85Smith " + b"x" * 400)]
    body = {"email": EMAIL, "password": PASSWORD}
    kept = granted(await api.post("/v1/login", json=body, headers=headers))["token"]["user_agent"]
    assert kept.startswith("Agent  31m Smith xx")
    assert len(kept) == 256


async def test_each_asker_gets_the_answer_to_its_own_question(api: httpx.AsyncClient, services: Services) -> None:
    """Questions of one moment share a statement."""
    gate = await a_client(services, Role.INTROSPECT)
    tokens = {}
    for number in range(4):
        account = await an_account(services, f"person{number}@example.com")
        tokens[await a_session(api, f"person{number}@example.com")] = str(account.id)
    response = [*tokens, "tks_" + "x" * 43] * 8
    answers = await asyncio.gather(*(api.post("/v1/introspect", data={"token": each}, auth=gate) for each in response))
    assert [answer.json().get("sub") for answer in answers] == [tokens.get(each) for each in response]
