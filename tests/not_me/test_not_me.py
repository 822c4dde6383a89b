"""The link "This wasn't me" of every notice: once, for a week, whatever has changed since."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.mail.domain import MailKind, unpack
from app.mail.tables import outbox
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    a_request,
    a_session,
    an_account,
    an_operator,
    bearer,
    enroll,
    log_in,
)

pytestmark = pytest.mark.anyio


async def report(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/not-me", json={"token": token})


async def links(services: Services, fact: str = "not_me") -> list[str]:
    """What the waiting mails carry, oldest first."""
    query = select(outbox.c.sealed, outbox.c.account_id, outbox.c.created_at).where(outbox.c.sealed.is_not(None))
    async with services.database.autocommit() as connection:
        rows = (await connection.execute(query.order_by(outbox.c.id))).all()
    contexts = (unpack(services.secret_box.open(row[0], owner=row[1]), at=row[2]) for row in rows)
    return [str(context.facts[fact]) for context in contexts if fact in context.facts]


async def change_password(api: httpx.AsyncClient, session: str, new: str = NEW_PASSWORD) -> str:
    body = {"current_password": PASSWORD, "new_password": new}
    changed = granted(await api.post("/v1/me/password", json=body, headers=bearer(session)))
    return str(changed["grant"]["access_token"])


async def test_everything_ends_and_a_reset_mail_goes_out(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await change_password(api, await a_session(api))
    [link] = await links(services)

    assert granted(await report(api, link)) == {"revoked": {"sessions": 1, "personal_tokens": 0}}

    refused(await api.get("/v1/me", headers=bearer(session)), 401, "invalid_token")
    [reset] = await links(services, "token")
    body = {"token": reset, "new_password": "orchard-velvet-ninety-gulls"}
    granted(await api.post("/v1/password-reset/confirm", json=body))
    refused(await report(api, link), 410, "not_me_link_invalid")


async def test_a_link_outlives_every_change_of_credentials(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await change_password(api, await a_session(api))
    [link] = await links(services)
    await enroll(api, session, clock.now(), NEW_PASSWORD)

    assert granted(await report(api, link))["revoked"]["sessions"] == 1
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"


@pytest.mark.parametrize(("days", "status"), [(timedelta(days=7, seconds=-1), 200), (timedelta(days=7), 410)])
async def test_a_link_lives_for_a_week_and_survives_the_sweep(
    api: httpx.AsyncClient, services: Services, clock: SetClock, days: timedelta, status: int
) -> None:
    await an_account(services)
    await change_password(api, await a_session(api))
    [link] = await links(services)
    while await services.delivery.deliver_due():
        pass
    clock.advance(days)
    async with services.database.autocommit() as connection:
        await services.outbox.sweep(connection, clock.now())

    assert (await report(api, link)).status_code == status


async def test_of_two_who_follow_one_link_one_wins(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await change_password(api, await a_session(api))
    [link] = await links(services)

    answers = await asyncio.gather(*(report(api, link) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410]
    assert len(await links(services, "token")) == 1


async def test_an_intruder_can_not_use_up_the_mail_of_the_owner(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await change_password(api, await a_session(api))
    [link] = await links(services)
    for _ in range(5):
        await api.post("/v1/password-reset", json={"email": EMAIL})
        await services.password_reset.answer_requests()
    asked = len(await links(services, "token"))

    granted(await report(api, link))

    assert len(await links(services, "token")) == asked + 1


@pytest.mark.parametrize(
    "token", ["tkn_" + "a" * 43, "tkr_" + "a" * 43, "tkn_", "x", "tkn_" + "\u00e4" * 43, "tkn_" + "a" * 44]
)
async def test_what_is_no_open_link_is_refused_alike(api: httpx.AsyncClient, token: str) -> None:
    refused(await report(api, token), 410, "not_me_link_invalid")


async def test_links_of_other_kinds_do_not_open_each_other(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await change_password(api, await a_session(api))
    await api.post("/v1/password-reset", json={"email": EMAIL})
    await services.password_reset.answer_requests()
    [not_me], [reset] = await links(services), await links(services, "token")

    refused(await report(api, reset), 410, "not_me_link_invalid")
    body = {"token": not_me, "new_password": "orchard-velvet-ninety-gulls"}
    refused(await api.post("/v1/password-reset/confirm", json=body), 410, "reset_token_invalid")


async def test_a_disabled_or_deleted_account_has_no_links(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    await change_password(api, await a_session(api))
    [link] = await links(services)

    await services.admin.disable(account.id, an_operator(services))
    refused(await report(api, link), 410, "not_me_link_invalid")
    await services.admin.enable(account.id, an_operator(services))
    granted(await report(api, link))
    await services.admin.delete(account.id, an_operator(services))
    refused(await report(api, link), 410, "not_me_link_invalid")


async def test_notices_carry_a_link_and_the_others_none(services: Services) -> None:
    account = await an_account(services)
    to: dict[str, Any] = {"account_id": account.id, "to": EMAIL, "locale": "de"}
    async with services.database.transaction() as connection:
        for kind in (MailKind.PASSWORD_RESET, MailKind.PASSWORD_CHANGED):
            await services.outbox.queue(connection, kind, a_request(services), **to, token="tkr_x", minutes=3)
        query = select(outbox.c.letter, outbox.c.not_me_digest.is_not(None))
        found = [(row[0], row[1]) for row in await connection.execute(query.order_by(outbox.c.id))]
    assert found == [("password_reset", False), ("password_changed", True)]
