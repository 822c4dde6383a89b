"""The mail about a log-in from an address that the account has not been used from lately."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from app.mail.domain import MailKind
from app.mail.tables import outbox
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.marks import given_settings
from tests.support.people import EMAIL, PASSWORD, an_account, answer_challenge, enroll

pytestmark = pytest.mark.anyio


async def log_in_from(api: httpx.AsyncClient, address: str, password: str = PASSWORD) -> httpx.Response:
    body = {"email": EMAIL, "password": password}
    return await api.post("/v1/login", json=body, headers={"X-Forwarded-For": address})


async def told(services: Services) -> int:
    async with services.database.autocommit() as connection:
        query = select(func.count()).where(outbox.c.letter == MailKind.NEW_SIGN_IN)
        return (await connection.execute(query)).scalar_one()


async def test_a_new_address_is_mailed_and_the_first_log_in_is_not(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    for address, mails in (
        ("203.0.113.7", 0),
        ("203.0.113.7", 0),
        ("203.0.113.8", 1),
        ("203.0.113.8", 1),
        ("2001:db8::1", 2),
        ("2001:db8::ffff:1", 2),
        ("2001:db8:0:1::1", 3),
    ):
        granted(await log_in_from(api, address))
        assert await told(services) == mails, address
    refused(await log_in_from(api, "203.0.113.9", "not the password"), 401, "invalid_credentials")
    assert await told(services) == 3
    clock.advance(timedelta(days=30))
    granted(await log_in_from(api, "203.0.113.7"))
    assert await told(services) == 4, "it was not used for so long"


async def test_with_two_factors_it_is_mailed_once_both_are_right(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, granted(await log_in_from(api, "203.0.113.7"))["access_token"], clock.now())
    challenge = granted(await log_in_from(api, "203.0.113.8"))["challenge"]
    assert await told(services) == 0
    granted(await answer_challenge(api, challenge, device.recovery_codes[0]))
    assert await told(services) == 1


@given_settings(new_sign_in_mail=False)
async def test_an_operator_may_turn_the_mail_off(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    for address in ("203.0.113.7", "203.0.113.8"):
        granted(await log_in_from(api, address))
    assert await told(services) == 0
