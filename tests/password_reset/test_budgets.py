"""How many reset mails an account gets: what strangers use up, what an operator may send, what a thief can't take."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select

from app.clients.domain import Role
from app.mail.domain import MailKind
from app.mail.tables import outbox
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import EMAIL, NEW_PASSWORD, PASSWORD, a_client, a_session, an_account, an_operator, bearer

pytestmark = pytest.mark.anyio


async def mails(services: Services) -> int:
    query = select(func.count()).where(outbox.c.letter == MailKind.PASSWORD_RESET)
    async with services.database.transaction() as connection:
        return (await connection.execute(query)).scalar_one()


async def ask(api: httpx.AsyncClient, services: Services, times: int) -> int:
    """How many mails go out for so many requests."""
    before = await mails(services)
    for _ in range(times):
        granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
        await services.password_reset.answer_requests()
    return await mails(services) - before


async def change(api: httpx.AsyncClient, token: str, current: str, new: str) -> str:
    body = {"current_password": current, "new_password": new}
    answer = await api.post("/v1/me/password", json=body, headers=bearer(token))
    return str(granted(answer)["grant"]["access_token"])


async def test_a_thief_inside_does_not_use_up_the_owners_mails(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    thief = await a_session(api)
    assert await ask(api, services, 4) == 3
    thief = await change(api, thief, PASSWORD, NEW_PASSWORD)
    assert await ask(api, services, 2) == 2
    await change(api, thief, NEW_PASSWORD, PASSWORD)
    clock.advance(timedelta(minutes=1))

    assert await ask(api, services, 1) == 1


async def test_changing_the_password_in_between_makes_no_flood_of_mails(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    thief, passwords, sent = await a_session(api), [PASSWORD, NEW_PASSWORD], 0
    for _ in range(4):
        sent += await ask(api, services, 3)
        thief = await change(api, thief, *passwords)
        passwords.reverse()
    assert sent == 5


async def test_used_links_count(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    passwords = [f"{NEW_PASSWORD}-{number}" for number in range(6)]
    for password in passwords[:5]:
        assert await ask(api, services, 1) == 1
        token = await newest_token(services)
        granted(await api.post("/v1/password-reset/confirm", json={"token": token, "new_password": password}))
        clock.advance(timedelta(minutes=2))
    assert await ask(api, services, 1) == 0


async def newest_token(services: Services) -> str:
    async with services.database.transaction() as connection:
        newest = select(outbox.c.sealed, outbox.c.account_id).where(outbox.c.letter == MailKind.PASSWORD_RESET)
        row = (await connection.execute(newest.order_by(outbox.c.id.desc()).limit(1))).one()
    packed = services.secret_box.open(row.sealed, owner=row.account_id).decode()
    return "tkr_" + packed.partition("tkr_")[2][:43]


async def test_an_operator_sends_five_an_hour_and_is_told_of_the_sixth(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    account = await an_account(services)
    admin = await a_client(services, Role.ADMIN)
    path = f"/v1/admin/accounts/{account.id}/password-reset"
    assert await ask(api, services, 4) == 3
    for _ in range(5):
        assert (await api.post(path, auth=admin)).status_code == 202
        clock.advance(timedelta(minutes=1))
    assert await mails(services) == 8

    answer = await api.post(path, auth=admin)

    refused(answer, 429, "rate_limited")
    assert answer.headers["retry-after"] == str(55 * 60)
    assert await mails(services) == 8
    clock.advance(timedelta(minutes=55))
    assert (await api.post(path, auth=admin)).status_code == 202


async def test_what_an_operator_sends_uses_up_nothing_of_the_persons(
    api: httpx.AsyncClient, services: Services
) -> None:
    account = await an_account(services, password=None)
    admin = await a_client(services, Role.ADMIN)
    for _ in range(5):
        assert (await api.post(f"/v1/admin/accounts/{account.id}/password-reset", auth=admin)).status_code == 202

    assert await ask(api, services, 4) == 3


async def test_operators_at_once_send_no_more_than_five(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    admin = await a_client(services, Role.ADMIN)
    path = f"/v1/admin/accounts/{account.id}/password-reset"

    answers = await asyncio.gather(*(api.post(path, auth=admin) for _ in range(12)))

    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [429] * 7
    assert await mails(services) == 5


async def test_an_operator_is_told_that_a_disabled_account_gets_no_link(
    api: httpx.AsyncClient, services: Services
) -> None:
    account = await an_account(services)
    admin = await a_client(services, Role.ADMIN)
    await services.admin.disable(account.id, an_operator(services))

    answer = await api.post(f"/v1/admin/accounts/{account.id}/password-reset", auth=admin)

    refused(answer, 409, "account_disabled")
    assert await mails(services) == 0
