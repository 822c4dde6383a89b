"""To whom a pending enrollment belongs, how it ends, and what others who are logged in can't do to it."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.mail.tables import outbox
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import a_session, an_account, an_operator, bearer, begin, totp_code, wrong_code

pytestmark = pytest.mark.anyio


async def confirm(api: httpx.AsyncClient, token: str, code: str) -> httpx.Response:
    return await api.post("/v1/me/2fa/confirm", json={"code": code}, headers=bearer(token))


async def status(api: httpx.AsyncClient, token: str) -> str:
    return str(granted(await api.get("/v1/me/2fa", headers=bearer(token)))["status"])


async def events(api: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = granted(await api.get("/v1/me/events", headers=bearer(token)))["items"]
    return found


async def test_a_stolen_session_spends_none_of_the_owners_attempts(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    mine, stolen = await a_session(api), await a_session(api)
    issued = await begin(api, mine)
    for _ in range(12):
        refused(await confirm(api, stolen, wrong_code(issued["secret"], clock)), 409, "no_pending_enrollment")

    assert (await api.delete("/v1/me/2fa/enrollment", headers=bearer(stolen))).status_code == 204

    assert await status(api, stolen) == "pending"
    granted(await confirm(api, mine, totp_code(issued["secret"], clock.now())))


async def test_an_enrollment_ends_with_the_session_that_began_it(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    first, other = await a_session(api), await a_session(api)
    issued = await begin(api, first)
    await api.post("/v1/logout", headers=bearer(first))

    assert await status(api, other) == "disabled"
    refused(await confirm(api, other, totp_code(issued["secret"], clock.now())), 409, "no_pending_enrollment")


async def test_an_enrollment_ends_when_its_session_is_revoked(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    first, other = await a_session(api), await a_session(api)
    await begin(api, first)

    granted(await api.post("/v1/me/tokens/revoke-all", headers=bearer(other)))

    assert await status(api, other) == "disabled"


async def test_an_enrollment_outlives_no_disabling_of_the_account(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    account = await an_account(services)
    await begin(api, await a_session(api))
    await services.admin.disable(account.id, an_operator(services))
    await services.admin.enable(account.id, an_operator(services))

    assert await status(api, await a_session(api)) == "disabled"


async def test_another_session_with_the_password_begins_anew(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    first, other = await a_session(api), await a_session(api)
    await begin(api, first)
    issued = await begin(api, other)

    granted(await confirm(api, other, totp_code(issued["secret"], clock.now())))


async def test_a_dropped_enrollment_is_recorded_once(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    await begin(api, token)
    for _ in range(2):
        await api.delete("/v1/me/2fa/enrollment", headers=bearer(token))

    types = [event["type"] for event in await events(api, token)]
    assert types[:2] == ["two_factor.enrollment_cancelled", "two_factor.enrollment_started"]


async def test_wrong_codes_at_set_up_accuse_nobody_of_knowing_the_password(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    issued = await begin(api, token)
    for _ in range(10):
        await confirm(api, token, wrong_code(issued["secret"], clock))

    assert await kinds(services) == ["wrong_codes_at_set_up"]


async def kinds(services: Services) -> list[str]:
    async with services.database.transaction() as connection:
        return list(await connection.scalars(select(outbox.c.letter).order_by(outbox.c.id)))
