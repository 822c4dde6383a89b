"""The mail a week before a personal token ends."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.mail.domain import MailKind
from app.mail.tables import outbox
from app.main import create_app
from app.services import Services
from app.settings import Settings
from tests.conftest import SetClock
from tests.support.answers import granted
from tests.support.people import a_session, an_account, bearer, until_use_is_written

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


async def a_token(api: httpx.AsyncClient, session: str, days: int, **more: Any) -> dict[str, Any]:
    body = {"description": "Backup", "max_age_seconds": days * 24 * 3600, **more}
    return granted(await api.post("/v1/me/tokens", json=body, headers=bearer(session)), 201)


async def announced(services: Services) -> int:
    await services.worker.announce()
    async with services.database.autocommit() as connection:
        query = select(outbox.c.id).where(outbox.c.letter == MailKind.PERSONAL_TOKEN_ENDS)
        return len((await connection.execute(query)).all())


async def test_an_end_is_announced_once_a_week_before(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await a_token(api, await a_session(api), 30)
    clock.advance(23 * DAY - timedelta(seconds=1))
    assert await announced(services) == 0
    clock.advance(timedelta(seconds=1))
    assert await announced(services) == 1
    clock.advance(DAY)
    assert await announced(services) == 1
    clock.advance(-3 * DAY)
    assert await announced(services) == 1, "a clock that steps back announces nothing again"


async def test_a_token_of_a_week_is_not_announced(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    session = await a_session(api)
    await a_token(api, session, 7)
    await a_token(api, session, 14, extend_when_used=True)
    granted(await api.post("/v1/me/tokens", json={"description": "For good"}, headers=bearer(session)), 201)
    clock.advance(10 * DAY)
    assert await announced(services) == 0


async def test_an_end_that_a_use_moved_is_announced_again(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = (await a_token(api, await a_session(api), 30, extend_when_used=True))["access_token"]
    clock.advance(25 * DAY)
    assert await announced(services) == 1
    granted(await api.get("/v1/me", headers=bearer(token)))
    await until_use_is_written(services, token)
    assert await announced(services) == 1
    clock.advance(24 * DAY)
    assert await announced(services) == 2


async def test_a_token_that_is_dead_is_not_announced(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    await a_token(api, session, 30)
    granted(await api.post("/v1/me/tokens/revoke-all", json={"keep_current": False}, headers=bearer(session)))
    clock.advance(25 * DAY)
    assert await announced(services) == 0


async def test_two_workers_announce_an_end_once(
    api: httpx.AsyncClient, services: Services, clock: SetClock, settings: Settings
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(10):
        await a_token(api, session, 30)
    clock.advance(25 * DAY)
    other = create_app(settings, clock)
    async with other.router.lifespan_context(other):
        await asyncio.gather(*(each.worker.announce() for each in (services, other.state.services) * 4))
    async with services.database.autocommit() as connection:
        query = select(outbox.c.times).where(outbox.c.letter == MailKind.PERSONAL_TOKEN_ENDS)
        assert sum(await connection.scalars(query)) == 10
