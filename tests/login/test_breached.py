"""Passwords that are known from a data breach, at log-in."""

import hashlib
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from sqlalchemy import func, select

from app.mail.domain import MailKind
from app.mail.tables import outbox
from app.services import Services
from app.settings import BreachedAtLogin, Settings
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.listening import breaches
from tests.support.people import PASSWORD, Enrolled, a_session, an_account, answer_challenge, enroll, log_in

pytestmark = pytest.mark.anyio
_SHA1 = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()
_BREACHED, _AWAY = (200, f"{_SHA1[5:]}:17\r\n"), (503, "")


@pytest.fixture(params=[_BREACHED], ids=["breached"])
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, list[str]]]:
    async with breaches(*request.param) as service:
        yield service


@pytest.fixture
def settings(settings: Settings, asked: tuple[str, list[str]], changes: Mapping[str, object]) -> Settings:
    return settings.model_copy(update={"breached_passwords_url": asked[0], **changes})


def at_login(policy: BreachedAtLogin) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("changes", [{"breached_passwords_at_login": policy}], ids=[policy])


async def links(services: Services) -> int:
    async with services.database.autocommit() as connection:
        query = select(func.count()).where(outbox.c.letter == MailKind.PASSWORD_RESET)
        return (await connection.execute(query)).scalar_one()


async def test_nobody_asks_where_it_is_off(
    api: httpx.AsyncClient, services: Services, asked: tuple[str, list[str]]
) -> None:
    await an_account(services)
    assert "password_breached" not in granted(await log_in(api))
    assert asked[1] == []


@at_login(BreachedAtLogin.WARN)
async def test_a_warning_comes_with_the_grant_of_either_step(
    api: httpx.AsyncClient, services: Services, clock: SetClock, asked: tuple[str, list[str]]
) -> None:
    await an_account(services)
    refused(await log_in(api, password="not the password"), 401, "invalid_credentials")
    refused(await log_in(api, email="nobody@example.com"), 401, "invalid_credentials")
    assert asked[1] == [], "only right passwords leave a trace there"
    assert granted(await log_in(api))["password_breached"] is True
    assert asked[1] == [_SHA1[:5]]
    device: Enrolled = await enroll(api, await a_session(api), clock.now())
    step = granted(await log_in(api))
    assert "password_breached" not in step
    grant = granted(await answer_challenge(api, step["challenge"], device.recovery_codes[0]))
    assert grant["password_breached"] is True
    assert granted(await log_in(api, code=device.recovery_codes[1]))["password_breached"] is True


@at_login(BreachedAtLogin.WARN)
@pytest.mark.parametrize("asked", [_AWAY, (200, f"{_SHA1[5:]}:0\r\n")], ids=["away", "padding"], indirect=True)
async def test_a_service_that_does_not_know_it_lets_one_in(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    assert "password_breached" not in granted(await log_in(api))


@at_login(BreachedAtLogin.BLOCK)
async def test_a_blocked_password_opens_nothing_and_a_link_is_mailed(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    refused(await log_in(api, password="not the password"), 401, "invalid_credentials")
    assert await links(services) == 0
    for number in range(1, 5):
        refused(await log_in(api), 403, "password_reset_required")
        assert await links(services) == min(number, 3), "within the limits of links"
