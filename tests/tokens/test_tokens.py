"""Authentication tokens: how long they live, what they may do, how they end."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.clients.domain import Role
from app.kernel.refusal import Unavailable
from app.services import Services
from app.tokens.domain import Use
from app.tokens.repository import UseRows
from tests.conftest import SetClock
from tests.support.answers import granted, moment, refused
from tests.support.marks import given_settings
from tests.support.people import (
    PASSWORD,
    a_client,
    a_request,
    a_session,
    an_account,
    bearer,
    enroll,
    log_in,
    until_use_is_written,
)
from tests.support.postgres import end_connections

pytestmark = pytest.mark.anyio
SOMEBODY_ELSES = UUID("01a20e42-a02a-76c1-b7f9-1e124c914aa0")


async def a_personal_token(api: httpx.AsyncClient, session: str, **more: Any) -> dict[str, Any]:
    body = {"description": "Backup", **more}
    return granted(await api.post("/v1/me/tokens", json=body, headers=bearer(session)), 201)


async def lives(api: httpx.AsyncClient, services: Services, token: str) -> bool:
    """Asks with the token, and lets the use be written."""
    answer = await api.get("/v1/me", headers=bearer(token))
    if answer.status_code == 200:
        await until_use_is_written(services, token)
    return answer.status_code == 200


async def test_a_session_dies_after_an_hour_without_use(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    clock.advance(timedelta(minutes=59, seconds=59))
    assert await lives(api, services, session)
    clock.advance(timedelta(minutes=59, seconds=59))
    assert await lives(api, services, session)
    clock.advance(timedelta(hours=1))
    assert not await lives(api, services, session)


async def test_a_session_dies_a_day_after_login_however_busy(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(47):
        clock.advance(timedelta(minutes=30))
        assert await lives(api, services, session)
    clock.advance(timedelta(minutes=30))
    assert not await lives(api, services, session)


@given_settings(session_idle_seconds=2)
async def test_a_session_of_seconds_lives_while_it_is_used(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """A use that moves a near end is written before its answer, so that no other process takes the token for dead."""
    await an_account(services)
    session = await a_session(api)
    for _ in range(5):
        clock.advance(timedelta(seconds=1.5))
        assert (await api.get("/v1/me", headers=bearer(session))).status_code == 200
        services.tokens.uses.noted.clear()
    clock.advance(timedelta(seconds=2))
    assert (await api.get("/v1/me", headers=bearer(session))).status_code == 401


async def test_a_session_that_ended_before_its_use_was_written_stays_dead(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = granted(await log_in(api))
    clock.advance(timedelta(minutes=59, seconds=30))
    late = {UUID(session["token"]["id"]): Use(clock.now(), None)}
    clock.advance(timedelta(seconds=30))
    async with services.database.autocommit() as connection:
        await UseRows(connection, services.tokens.rules).note_uses(late, clock.now())
    assert not await lives(api, services, session["access_token"])


async def test_the_list_shows_the_uses_of_this_moment(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    made = await a_personal_token(api, session)
    clock.advance(timedelta(minutes=1))
    await api.get("/v1/me", headers=bearer(made["access_token"]))
    listed = granted(await api.get("/v1/me/tokens", headers=bearer(session)))["items"]
    assert [moment(each["last_used_at"]) for each in listed] == [clock.now().replace(microsecond=0)] * 2


async def test_a_personal_token_lives_its_age(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    made = await a_personal_token(api, await a_session(api), max_age_seconds=60)
    assert moment(made["token"]["expires_at"]) == clock.now().replace(microsecond=0) + timedelta(seconds=60)
    clock.advance(timedelta(seconds=59))
    assert await lives(api, services, made["access_token"])
    clock.advance(timedelta(seconds=1))
    assert not await lives(api, services, made["access_token"])


async def test_use_extends_a_token_that_says_so(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    made = await a_personal_token(api, await a_session(api), max_age_seconds=60, extend_when_used=True)
    for _ in range(3):
        clock.advance(timedelta(seconds=59))
        assert await lives(api, services, made["access_token"])
    clock.advance(timedelta(seconds=60))
    assert not await lives(api, services, made["access_token"])


async def test_without_an_age_a_personal_token_does_not_expire(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    made = await a_personal_token(api, await a_session(api))
    assert made["token"]["expires_at"] is None
    clock.advance(timedelta(days=3650))
    assert await lives(api, services, made["access_token"])


@pytest.mark.parametrize("age", [0, -1, 315_360_001, 1.5, "60", True])
async def test_an_age_is_between_a_second_and_ten_years(
    api: httpx.AsyncClient, services: Services, age: object
) -> None:
    await an_account(services)
    body = {"description": "Backup", "max_age_seconds": age}
    answer = await api.post("/v1/me/tokens", json=body, headers=bearer(await a_session(api)))
    assert refused(answer, 422, "invalid_request")["errors"][0]["pointer"] == "/max_age_seconds"


async def test_a_personal_token_is_proved_as_its_session_was(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    assert (await a_personal_token(api, session))["token"]["amr"] == ["pwd"]
    enrolled = await enroll(api, session, clock.now())
    assert (await a_personal_token(api, enrolled.token))["token"]["amr"] == ["pwd", "otp", "mfa"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/me/password", {"current_password": PASSWORD, "new_password": "walnut-harbour-sixteen-kites"}),
        ("POST", "/v1/me/2fa/enrollment", {"password": PASSWORD}),
        ("DELETE", "/v1/me/2fa/enrollment", None),
        ("POST", "/v1/me/2fa/confirm", {"code": "123456"}),
        ("POST", "/v1/me/2fa/disable", {"password": PASSWORD}),
        ("POST", "/v1/me/2fa/recovery-codes", {"password": PASSWORD}),
        ("POST", "/v1/me/tokens", {"description": "Another"}),
        ("POST", "/v1/me/tokens/revoke-all", None),
        ("DELETE", f"/v1/me/tokens/{SOMEBODY_ELSES}", None),
    ],
)
async def test_a_personal_token_changes_nothing(
    api: httpx.AsyncClient, services: Services, method: str, path: str, body: object
) -> None:
    await an_account(services)
    made = await a_personal_token(api, await a_session(api))
    answer = await api.request(method, path, json=body, headers=bearer(made["access_token"]))
    refused(answer, 403, "session_required")


async def test_a_personal_token_reads_and_logs_itself_out(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = (await a_personal_token(api, await a_session(api)))["access_token"]
    for path in ("/v1/me", "/v1/me/2fa", "/v1/me/tokens", "/v1/me/events"):
        granted(await api.get(path, headers=bearer(token)))
    assert (await api.post("/v1/logout", headers=bearer(token))).status_code == 204
    refused(await api.get("/v1/me", headers=bearer(token)), 401, "invalid_token")


@given_settings(personal_tokens_per_account=2)
async def test_there_are_only_so_many_personal_tokens(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    first = await a_personal_token(api, session)
    await a_personal_token(api, session)
    answer = await api.post("/v1/me/tokens", json={"description": "Third"}, headers=bearer(session))
    refused(answer, 409, "token_limit_reached")
    gone = await api.delete(f"/v1/me/tokens/{first['token']['id']}", headers=bearer(session))
    assert gone.status_code == 204
    await a_personal_token(api, session)


@given_settings(sessions_per_account=2)
async def test_over_the_limit_the_least_recently_used_session_dies(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    first = await a_session(api)
    clock.advance(timedelta(seconds=1))
    second = await a_session(api)
    clock.advance(timedelta(seconds=1))
    assert await lives(api, services, first)
    clock.advance(timedelta(seconds=1))
    third = await a_session(api)
    assert [await lives(api, services, token) for token in (first, second, third)] == [True, False, True]


async def test_the_list_marks_the_calling_token_and_shows_no_secret(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    other, session = await a_session(api), await a_session(api)
    answer = await api.get("/v1/me/tokens", headers=bearer(session))
    assert [token["current"] for token in granted(answer)["items"]] == [True, False]
    assert other not in answer.text


async def test_events_name_a_personal_token_as_its_owner_did(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    path = f"/v1/me/tokens/{(await a_personal_token(api, session))['token']['id']}"
    granted(await api.patch(path, json={"description": "Nightly"}, headers=bearer(session)))
    assert (await api.delete(path, headers=bearer(session))).status_code == 204
    events = granted(await api.get("/v1/me/events", headers=bearer(session)))["items"]
    named = [(event["type"], event["details"]["description"]) for event in events if event["type"].startswith("token.")]
    assert named == [("token.revoked", "Nightly"), ("token.renamed", "Nightly"), ("token.created", "Backup")]


async def test_revoking_all_but_this_one(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    other, session = await a_session(api), await a_session(api)
    personal = (await a_personal_token(api, session))["access_token"]
    answer = await api.post("/v1/me/tokens/revoke-all", headers=bearer(session))
    assert granted(answer) == {"revoked": {"sessions": 1, "personal_tokens": 1}}
    assert [await lives(api, services, token) for token in (other, personal, session)] == [False, False, True]


async def test_revoking_all_and_this_one(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    other, session = await a_session(api), await a_session(api)
    answer = await api.post("/v1/me/tokens/revoke-all", json={"keep_current": False}, headers=bearer(session))
    assert granted(answer) == {"revoked": {"sessions": 2, "personal_tokens": 0}}
    assert [await lives(api, services, token) for token in (other, session)] == [False, False]


async def test_a_null_for_a_body_that_may_be_left_out_ends_nothing(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session, other = await a_session(api), await a_session(api)
    headers = bearer(session) | {"Content-Type": "application/json"}
    problem = refused(
        await api.post("/v1/me/tokens/revoke-all", content=b"null", headers=headers), 422, "invalid_request"
    )
    assert problem["errors"] == [{"pointer": "", "message": "Must be an object."}]
    assert await lives(api, services, other)


async def test_another_accounts_token_is_not_there(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await an_account(services, "bob@example.com")
    theirs = await a_session(api, "bob@example.com")
    listed = granted(await api.get("/v1/me/tokens", headers=bearer(theirs)))["items"]
    answer = await api.delete(f"/v1/me/tokens/{listed[0]['id']}", headers=bearer(await a_session(api)))
    refused(answer, 404, "not_found")
    assert await lives(api, services, theirs)


async def test_uses_that_could_not_be_written_are_written_the_next_time(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await an_account(services)
    session = granted(await log_in(api))
    clock.advance(timedelta(minutes=59))
    id = UUID(session["token"]["id"])
    services.tokens.uses.noted[id] = Use(clock.now(), "192.0.2.9")
    await end_connections(database_url)
    with pytest.raises(Unavailable):
        await services.tokens.uses.write()
    assert services.tokens.uses.noted == {id: Use(clock.now(), "192.0.2.9")}

    await services.tokens.uses.write()
    assert services.tokens.uses.noted == {}
    clock.advance(timedelta(minutes=59))
    used = (await services.tokens.check(session["access_token"], a_request(services))).token
    assert (used.last_used_at, used.last_used_ip) == (clock.now() - timedelta(minutes=59), "192.0.2.9")


async def test_tokens_come_in_pages_newest_first(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    made = [(await a_personal_token(api, session))["token"]["id"] for _ in range(3)]
    first = granted(await api.get("/v1/me/tokens", params={"limit": 2}, headers=bearer(session)))
    query = {"limit": 2, "cursor": first["next_cursor"]}
    second = granted(await api.get("/v1/me/tokens", params=query, headers=bearer(session)))
    assert [each["id"] for each in first["items"] + second["items"]][:3] == made[::-1]
    assert [second["items"][-1]["kind"], second["next_cursor"]] == ["session", None]


async def last_use(api: httpx.AsyncClient, token: str) -> tuple[str, str]:
    found = granted(await api.get("/v1/me/tokens", headers=bearer(token)))["items"]
    [other] = [item for item in found if not item["current"]]
    return other["last_used_at"], other["last_used_ip"]


async def test_an_introspection_does_not_hide_from_where_a_token_was_used(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    stolen, mine = await a_session(api), await a_session(api)
    client = await a_client(services, Role.INTROSPECT)
    clock.advance(timedelta(minutes=1))
    await api.get("/v1/me", headers=bearer(stolen) | {"X-Forwarded-For": "198.51.100.9"})
    await api.post("/v1/introspect", data={"token": stolen}, auth=client)

    assert await last_use(api, mine) == ("2026-03-14T15:10:26.000Z", "198.51.100.9")


async def test_a_use_that_another_process_writes_late_is_not_lost(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    stolen, mine = await a_session(api), await a_session(api)
    token = granted(await api.get("/v1/me/tokens", headers=bearer(stolen)))["current"]
    clock.advance(timedelta(minutes=1))
    used_at = clock.now()
    clock.advance(timedelta(milliseconds=500))
    await services.tokens.uses.write()
    for use in (Use(clock.now(), None), Use(used_at, "198.51.100.9")):
        async with services.database.transaction() as connection:
            await UseRows(connection, services.tokens.rules).note_uses({UUID(token["id"]): use}, clock.now())

    assert await last_use(api, mine) == ("2026-03-14T15:10:26.500Z", "198.51.100.9")


async def test_an_address_of_minutes_ago_does_not_take_the_place_of_a_newer_one(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    stolen, mine = await a_session(api), await a_session(api)
    token = granted(await api.get("/v1/me/tokens", headers=bearer(stolen)))["current"]
    old = clock.now()
    clock.advance(timedelta(minutes=1))
    for use in (Use(clock.now(), "203.0.113.7"), Use(old, "198.51.100.9")):
        async with services.database.transaction() as connection:
            await UseRows(connection, services.tokens.rules).note_uses({UUID(token["id"]): use}, clock.now())

    assert await last_use(api, mine) == ("2026-03-14T15:10:26.000Z", "203.0.113.7")
