"""Another address: asked for, and confirmed from the new mailbox."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, text

from app.services import Services
from tests.conftest import SetClock
from tests.email_change.address_change import (
    NEW,
    THIRD,
    confirm,
    email_events,
    link_to,
    me,
    move,
    posted,
    request,
    reset,
    undo,
)
from tests.support.answers import granted, moment, refused
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    a_session,
    an_account,
    an_operator,
    bearer,
    begin,
    enrolled_account,
    log_in,
)

pytestmark = pytest.mark.anyio


async def test_nothing_changes_before_the_new_mailbox_confirms(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    pending = granted(await request(api, session), 202)
    assert pending == {"pending_email": NEW, "expires_at": "2026-03-15T15:09:26.000Z"}
    account = await me(api, session)
    assert (account["email"], account["pending_email"], account["email_verified_at"]) == (EMAIL, NEW, None)
    assert granted(await log_in(api))["account"]["pending_email"] == NEW
    refused(await log_in(api, NEW), 401, "invalid_credentials")
    [mail] = await posted(services)
    assert (mail.to, mail.context.facts["current"]) == (NEW, EMAIL)


async def test_confirming_ends_everything_older(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    session = await a_session(api)
    granted(await request(api, session, THIRD), 202)
    granted(await request(api, session), 202)
    granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
    other, link = await link_to(services, THIRD), await link_to(services)
    (reset_mail,) = await posted(services, "password_reset")
    clock.advance(timedelta(minutes=1))
    assert granted(await confirm(api, link)) == {"email": NEW, "revoked": {"sessions": 1, "personal_tokens": 0}}
    refused(await api.get("/v1/me", headers=bearer(session)), 401, "invalid_token")
    refused(await confirm(api, other), 410, "email_token_invalid")
    refused(await confirm(api, link), 410, "email_token_invalid")
    body = {"token": reset_mail.token, "new_password": NEW_PASSWORD}
    refused(await api.post("/v1/password-reset/confirm", json=body), 410, "reset_token_invalid")
    refused(await log_in(api), 401, "invalid_credentials")
    account = granted(await log_in(api, NEW))["account"]
    assert (account["email"], account["pending_email"]) == (NEW, None)
    assert moment(account["email_verified_at"]) == clock.now()
    assert await email_events(api, await a_session(api, NEW)) == [
        "email.changed",
        "email.change_requested",
        "email.change_requested",
    ]
    [told] = await posted(services, "email_changed")
    assert (told.to, told.context.facts["new_address"]) == (EMAIL, NEW)


async def test_a_taken_address_is_told_to_its_owner_alone(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await an_account(services, NEW)
    session = await a_session(api)
    taken = granted(await request(api, session), 202)
    free = granted(await request(api, session, THIRD), 202)
    assert taken | {"pending_email": THIRD} == free
    granted(await request(api, session), 202)
    assert (await me(api, session))["pending_email"] == NEW
    assert [(mail.kind, mail.to) for mail in await posted(services)] == [
        ("email_change_taken", NEW),
        ("email_change", THIRD),
        ("email_change_taken", NEW),
    ]


async def test_a_taken_address_counts_against_the_limit(api: httpx.AsyncClient, services: Services) -> None:
    """Else the mail that one's own mailbox gets or not would tell."""
    await an_account(services)
    await an_account(services, NEW)
    session = await a_session(api)
    for email in (NEW, NEW, NEW, THIRD):
        granted(await request(api, session, email), 202)
    assert await posted(services, "email_change") == []


async def test_an_address_that_was_taken_meanwhile_is_gone(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    granted(await request(api, session), 202)
    link = await link_to(services)
    other = await an_account(services, NEW.upper())
    refused(await confirm(api, link), 410, "email_token_invalid")
    assert (await me(api, session))["email"] == EMAIL
    await services.admin.delete(other.id, an_operator(services))
    granted(await confirm(api, link))


@pytest.mark.parametrize("token", ["tkm_" + "a" * 43, "tku_" + "a" * 43, "tkr_" + "a" * 43, "nonsense"])
async def test_an_unknown_link_is_gone(api: httpx.AsyncClient, token: str) -> None:
    refused(await confirm(api, token), 410, "email_token_invalid")
    refused(await undo(api, token), 410, "email_token_invalid")


async def test_a_link_is_good_for_its_own_purpose(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    back = await move(api, services, session)
    granted(await request(api, await a_session(api, NEW), THIRD), 202)
    link = await link_to(services, THIRD)
    for wrong in (back, "tkm_" + back[4:]):
        refused(await confirm(api, wrong), 410, "email_token_invalid")
    for wrong in (link, "tku_" + link[4:]):
        refused(await undo(api, wrong), 410, "email_token_invalid")
    granted(await confirm(api, link))


async def test_a_link_lives_a_day(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    granted(await request(api, await a_session(api)), 202)
    link = await link_to(services)
    clock.advance(timedelta(days=1))
    refused(await confirm(api, link), 410, "email_token_invalid")
    session = await a_session(api)
    assert (await me(api, session))["pending_email"] is None
    await services.worker.sweep()
    async with services.database.autocommit() as connection:
        account = await services.accounts.with_address(connection, EMAIL)
    assert account is not None
    assert account.pending_address is None


@pytest.mark.parametrize("step", [timedelta(days=-2), timedelta(hours=23)], ids=["set back", "set forward"])
async def test_a_link_works_once_whatever_the_clock_does(
    api: httpx.AsyncClient, services: Services, clock: SetClock, step: timedelta
) -> None:
    await an_account(services)
    granted(await request(api, await a_session(api)), 202)
    link = await link_to(services)
    clock.advance(step)
    granted(await confirm(api, link))
    clock.advance(-step)
    refused(await confirm(api, link), 410, "email_token_invalid")


async def test_cancelling_kills_every_open_link(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    for email in (NEW, THIRD):
        granted(await request(api, session, email), 202)
    links = [mail.token for mail in await posted(services, "email_change")]
    for _ in range(2):
        answer = await api.delete("/v1/me/email/pending", headers=bearer(session))
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await me(api, session))["pending_email"] is None
    for link in links:
        refused(await confirm(api, link), 410, "email_token_invalid")
    assert (await email_events(api, session)).count("email.change_cancelled") == 1


async def test_a_request_that_was_cancelled_is_not_answered(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    granted(await request(api, session), 202)
    assert (await api.delete("/v1/me/email/pending", headers=bearer(session))).status_code == 204
    assert await posted(services) == []


async def test_three_links_are_open_and_five_go_out_in_an_hour(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)

    async def ask_and_count() -> int:
        granted(await request(api, session), 202)
        return len(await posted(services, "email_change"))

    assert [await ask_and_count() for _ in range(4)] == [1, 2, 3, 3]
    assert (await api.delete("/v1/me/email/pending", headers=bearer(session))).status_code == 204
    assert [await ask_and_count() for _ in range(3)] == [4, 5, 5], "what was cancelled went to somebody's mailbox"
    clock.advance(timedelta(minutes=59))
    assert (await api.delete("/v1/me/email/pending", headers=bearer(session))).status_code == 204
    assert await ask_and_count() == 5
    clock.advance(timedelta(minutes=1))
    session = await a_session(api)
    assert await ask_and_count() == 6
    assert (await me(api, session))["pending_email"] == NEW


async def test_a_changed_password_kills_the_link(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    granted(await request(api, session), 202)
    link = await link_to(services)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    changed = granted(await api.post("/v1/me/password", json=body, headers=bearer(session)))
    assert changed["grant"]["account"]["pending_email"] is None
    refused(await confirm(api, link), 410, "email_token_invalid")


async def test_what_a_request_is_refused(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await enrolled_account(api, services, clock)
    personal = granted(await api.post("/v1/me/tokens", json={"description": "x"}, headers=bearer(device.token)), 201)
    refused(await request(api, personal["access_token"]), 403, "session_required")
    deleted = await api.delete("/v1/me/email/pending", headers=bearer(personal["access_token"]))
    refused(deleted, 403, "session_required")
    refused(await request(api, device.token, password="wrong"), 403, "wrong_password")
    problem = refused(await request(api, device.token, "no address"), 422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/new_email"]
    clock.advance(timedelta(minutes=16))
    assert refused(await request(api, device.token), 403, "reauthentication_required")["max_age"] == 900
    assert await posted(services, "email_change") == []


async def test_a_reset_or_invitation_verifies_the_address(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services, password=None)
    (invitation,) = await posted(services, "invitation")
    granted(await api.post("/v1/password-reset/confirm", json={"token": invitation.token, "new_password": PASSWORD}))
    verified = clock.now()
    clock.advance(timedelta(hours=1))
    session = await reset(api, services)
    assert moment((await me(api, session))["email_verified_at"]) == verified


async def test_the_network_one_comes_from_stays_known(api: httpx.AsyncClient, services: Services) -> None:
    """A stranger's wrong passwords for the new address shut nobody out who has logged in before."""
    await an_account(services)
    await move(api, services, await a_session(api))
    elsewhere = [f"203.0.113.{host}" for host in range(1, 11)]
    for address in elsewhere:
        for _ in range(10):
            await api.post(
                "/v1/login",
                json={"email": NEW, "password": "wrong"},
                headers={"X-Forwarded-For": address},
            )
    stranger = {"X-Forwarded-For": "203.0.113.99"}
    body = {"email": NEW, "password": PASSWORD}
    refused(await api.post("/v1/login", json=body, headers=stranger), 429, "too_many_attempts")
    granted(await log_in(api, NEW))


async def test_a_deleted_account_leaves_no_address(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    await move(api, services, await a_session(api))
    granted(await request(api, await a_session(api, NEW), THIRD), 202)
    await posted(services)
    await services.admin.delete(account.id, an_operator(services))
    async with services.database.autocommit() as connection:
        for table in ("email_changes", "email_change_undos", "outbox"):
            assert await connection.scalar(select(func.count()).select_from(text(table))) == 0, table


async def test_a_pending_enrollment_ends_with_the_change(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    await begin(api, session)
    await move(api, services, session)
    assert granted(await log_in(api, NEW))["account"]["two_factor"]["status"] == "disabled"
