"""Many notices of one kind become one mail; nothing that happened goes untold."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester
from app.mail.delivery import outbox_state
from app.mail.domain import MailContext, MailKind
from app.mail.rendering import MailTemplates
from app.mail.tables import outbox
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted
from tests.support.people import a_session, an_account, bearer

pytestmark = pytest.mark.anyio
ORIGIN = Requester("192.0.2.7", None)


async def queued(services: Services, kind: MailKind = MailKind.PERSONAL_TOKEN_CREATED) -> list[Any]:
    async with services.database.transaction() as connection:
        return list(await connection.execute(select(outbox).where(outbox.c.letter == kind).order_by(outbox.c.id)))


async def due(services: Services) -> int:
    return sum(row.next_attempt_at <= services.clock.now() for row in await queued(services))


async def make_and_delete(api: httpx.AsyncClient, session: str) -> None:
    made = granted(await api.post("/v1/me/tokens", json={"description": "x"}, headers=bearer(session)), 201)
    answer = await api.delete(f"/v1/me/tokens/{made['token']['id']}", headers=bearer(session))
    assert answer.status_code == 204


async def queue(services: Services, kind: MailKind, to: str = "ann@example.com", **facts: Any) -> None:
    async with services.database.transaction() as connection:
        account = await services.accounts.with_address(connection, "ada@example.com")
        assert account is not None
        await services.outbox.queue(
            connection,
            kind,
            RequestContext(services.clock.now(), ORIGIN),
            account_id=account.id,
            to=to,
            locale=None,
            **facts,
        )


async def test_a_session_that_makes_tokens_without_end_sends_a_few_mails(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(20):
        await make_and_delete(api, session)

    assert [row.times for row in await queued(services)] == [1, 1, 1, 17]
    assert await due(services) == 3


async def test_the_rest_is_told_ten_minutes_later_at_most(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(8):
        await make_and_delete(api, session)
        clock.advance(timedelta(minutes=1))
    assert await due(services) == 3

    clock.advance(timedelta(minutes=6))

    assert await due(services) == 4
    await make_and_delete(api, session)
    assert [row.times for row in await queued(services)] == [1, 1, 1, 5, 1]


async def test_after_a_quiet_time_notices_leave_at_once_again(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(4):
        await make_and_delete(api, session)
    clock.advance(timedelta(minutes=30))
    assert await due(services) == 4

    await make_and_delete(api, session)

    assert await due(services) == 5


async def test_parallel_acts_are_each_told(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    await asyncio.gather(*(make_and_delete(api, session) for _ in range(12)))
    assert sum(row.times for row in await queued(services)) == 12


async def test_kinds_and_recipients_wait_apart(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    for _ in range(5):
        await queue(services, MailKind.PASSWORD_CHANGED)
        await queue(services, MailKind.PASSWORD_CHANGED, to="old@example.com")
        await queue(services, MailKind.RECOVERY_CODES_REPLACED)

    assert sorted(row.times for row in await queued(services, MailKind.PASSWORD_CHANGED)) == [1] * 6 + [2] * 2
    assert sorted(row.times for row in await queued(services, MailKind.RECOVERY_CODES_REPLACED)) == [1, 1, 1, 2]


async def test_a_mail_with_a_link_never_waits_for_another(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    for number in range(6):
        await queue(services, MailKind.PASSWORD_RESET, token=f"tkr_{number}", minutes=30)
    assert [row.times for row in await queued(services, MailKind.PASSWORD_RESET)] == [1] * 6


async def test_a_notice_that_is_being_sent_takes_in_no_other(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(5):
        await make_and_delete(api, session)
    clock.advance(timedelta(minutes=10))
    while await services.delivery.deliver_due():
        pass

    await make_and_delete(api, session)

    assert [(row.times, row.sent_at is not None) for row in await queued(services)][3:] == [(2, True), (1, False)]


async def test_one_that_waits_is_not_late(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    session = await a_session(api)
    for _ in range(5):
        await make_and_delete(api, session)
    while await services.delivery.deliver_due():
        pass
    clock.advance(timedelta(minutes=5))
    async with services.database.transaction() as connection:
        state = await outbox_state(connection, clock.now())
    assert (state.pending, state.oldest_age_seconds) == (1, 0.0)


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_mail_for_several_says_how_many(subtype: str, clock: SetClock) -> None:
    mails = MailTemplates(issuer="Twokeys", mail_from="Twokeys <a@id.example.com>", public_url="https://id.example.com")
    one = MailContext("ann@example.com", clock.now(), ORIGIN, {"description": "x"})
    texts = []
    for context in (one, replace(one, times=17)):
        part = mails.render(MailKind.PERSONAL_TOKEN_CREATED, context, id=new_id()).get_body((subtype,))
        assert part is not None
        texts.append(part.get_content())
    assert "17 times" not in texts[0]
    assert "17 times" in texts[1]
