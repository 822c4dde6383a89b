"""Lost device and forgotten password, under both policies."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.mail.domain import unpack
from app.mail.tables import outbox
from app.services import Services
from app.settings import PasswordResetPolicy
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.marks import given_settings
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    a_session,
    an_account,
    an_operator,
    bearer,
    begin,
    enroll,
    log_in,
    totp_code,
)
from tests.support.postgres import overtaken

pytestmark = pytest.mark.anyio


async def links(services: Services) -> list[str]:
    """The tokens of the links that wait in the outbox, oldest first: what the mails would say."""
    await services.password_reset.answer_requests()
    query = select(outbox.c.account_id, outbox.c.sealed, outbox.c.created_at).where(outbox.c.letter == "password_reset")
    async with services.database.autocommit() as connection:
        rows = (await connection.execute(query.order_by(outbox.c.id))).all()
    opened = [unpack(services.secret_box.open(row.sealed, owner=row.account_id), at=row.created_at) for row in rows]
    return [str(each.facts["token"]) for each in opened]


async def ask(api: httpx.AsyncClient, services: Services, email: str = EMAIL) -> list[str]:
    granted(await api.post("/v1/password-reset", json={"email": email}), 202)
    return await links(services)


async def follow(api: httpx.AsyncClient, token: str, password: str = NEW_PASSWORD, **more: Any) -> httpx.Response:
    body = {"token": token, "new_password": password, **more}
    return await api.post("/v1/password-reset/confirm", json=body)


async def test_a_reset_turns_two_factor_off_and_ends_everything(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    challenge = (await log_in(api)).json()["challenge"]
    await ask(api, services)
    first, second = await ask(api, services)
    done = granted(await follow(api, second))
    assert done == {"two_factor": "disabled", "revoked": {"sessions": 1, "personal_tokens": 0}}
    refused(await api.get("/v1/me", headers=bearer(enrolled.token)), 401, "invalid_token")
    refused(await follow(api, first), 410, "reset_token_invalid")
    code = {"challenge": challenge, "code": enrolled.recovery_codes[0]}
    refused(await api.post("/v1/login/two-factor", json=code), 401, "challenge_expired")
    account = granted(await log_in(api, password=NEW_PASSWORD))["account"]
    assert account["two_factor"]["status"] == "disabled"
    assert account["two_factor"]["recovery_codes_remaining"] == 0


async def test_without_two_factor_it_says_so(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await begin(api, await a_session(api))
    (token,) = await ask(api, services)
    assert granted(await follow(api, token))["two_factor"] == "not_enabled"
    session = await a_session(api, password=NEW_PASSWORD)
    assert granted(await api.get("/v1/me/2fa", headers=bearer(session)))["status"] == "disabled"


async def test_a_link_lives_thirty_minutes(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    (token,) = await ask(api, services)
    clock.advance(timedelta(minutes=30))
    refused(await follow(api, token), 410, "reset_token_invalid")


async def test_a_weak_password_does_not_use_the_link_up(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    (token,) = await ask(api, services)
    refused(await follow(api, token, "short"), 422, "weak_password")
    granted(await follow(api, token))
    refused(await follow(api, token), 410, "reset_token_invalid")


@pytest.mark.parametrize("token", ["tkr_" + "a" * 43, "tks_" + "a" * 43, "nonsense"])
async def test_an_unknown_link_is_gone(api: httpx.AsyncClient, token: str) -> None:
    refused(await follow(api, token), 410, "reset_token_invalid")


async def test_nobody_and_the_disabled_get_no_mail_and_the_same_answer(
    api: httpx.AsyncClient, services: Services
) -> None:
    account = await an_account(services)
    await services.admin.disable(account.id, an_operator(services))
    known = await api.post("/v1/password-reset", json={"email": EMAIL})
    unknown = await api.post("/v1/password-reset", json={"email": "nobody@example.com"})
    assert granted(known, 202) == granted(unknown, 202)
    assert await links(services) == []


@given_settings(password_reset_policy=PasswordResetPolicy.REQUIRES_SECOND_FACTOR)
async def test_where_the_second_factor_is_required_it_stays(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    (token,) = await ask(api, services)
    refused(await follow(api, token), 403, "second_factor_required")
    refused(await follow(api, token, code="000000"), 403, "invalid_code")
    spent = totp_code(enrolled.secret, clock.now())
    refused(await follow(api, token, code=spent), 403, "invalid_code")
    refused(await log_in(api, password=NEW_PASSWORD), 401, "invalid_credentials")
    done = granted(await follow(api, token, code=totp_code(enrolled.secret, clock.now(), steps=1)))
    assert done["two_factor"] == "kept"
    response = granted(await log_in(api, password=NEW_PASSWORD))
    step = {"challenge": response["challenge"], "code": enrolled.recovery_codes[0]}
    granted(await api.post("/v1/login/two-factor", json=step))


@given_settings(password_reset_policy=PasswordResetPolicy.REQUIRES_SECOND_FACTOR)
async def test_without_two_factor_none_is_required(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    (token,) = await ask(api, services)
    assert granted(await follow(api, token))["two_factor"] == "not_enabled"


async def test_asking_changes_nothing_but_the_mail(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    await ask(api, services)
    granted(await api.get("/v1/me", headers=bearer(session)))
    granted(await log_in(api, password=PASSWORD))


async def test_three_links_are_open_and_the_answer_stays_the_same(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    assert [len(await ask(api, services)) for _ in range(4)] == [1, 2, 3, 3]
    clock.advance(timedelta(minutes=30))
    assert [len(await ask(api, services)) for _ in range(3)] == [4, 5, 5], "five mails an hour"


@given_settings(password_reset_policy=PasswordResetPolicy.REQUIRES_SECOND_FACTOR)
async def test_an_unknown_recovery_code_is_recorded_and_uses_nothing_up(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    (token,) = await ask(api, services)
    wrong = refused(await follow(api, token, code="AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"), 403, "invalid_code")
    assert wrong["attempts_remaining"] == 9
    events = granted(await api.get("/v1/me/events", headers=bearer(enrolled.token)))["items"]
    assert events[0]["type"] == "two_factor.code_refused"
    assert granted(await follow(api, token, code=enrolled.recovery_codes[0]))["two_factor"] == "kept"


async def test_a_link_that_died_meanwhile_changes_no_password(
    api: httpx.AsyncClient, services: Services, database_url: str
) -> None:
    account = await an_account(services)
    (token,) = await ask(api, services)
    faster = "UPDATE accounts SET credential_epoch = credential_epoch + 1 WHERE id = $1"
    refused(await overtaken(database_url, follow(api, token), faster, account.id), 410, "reset_token_invalid")
    granted(await log_in(api))


async def test_a_link_that_was_used_meanwhile_changes_no_password(
    api: httpx.AsyncClient, services: Services, database_url: str
) -> None:
    """A second defence: whoever uses a link bumps the epoch as well."""
    await an_account(services)
    (token,) = await ask(api, services)
    session = await a_session(api)
    used = "UPDATE password_reset_links SET spent_at = now()"
    refused(await overtaken(database_url, follow(api, token), used), 410, "reset_token_invalid")
    granted(await api.get("/v1/me", headers=bearer(session)))
    granted(await log_in(api))


async def check(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/password-reset/check", json={"token": token})


async def test_a_check_says_whose_link_it_is_and_spends_nothing(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    (token,) = await ask(api, services)
    for _ in range(3):
        assert granted(await check(api, token)) == {"email": EMAIL, "two_factor": "not_enabled"}
    granted(await follow(api, token))
    refused(await check(api, token), 410, "reset_token_invalid")


async def test_a_check_foresees_that_two_factor_goes(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    (token,) = await ask(api, services)
    assert granted(await check(api, token))["two_factor"] == "cleared"


@given_settings(password_reset_policy=PasswordResetPolicy.REQUIRES_SECOND_FACTOR)
async def test_a_check_foresees_that_two_factor_stays(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    (token,) = await ask(api, services)
    assert granted(await check(api, token))["two_factor"] == "kept"


async def test_a_check_takes_a_pending_enrollment_for_none(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    await begin(api, await a_session(api))
    (token,) = await ask(api, services)
    assert granted(await check(api, token))["two_factor"] == "not_enabled"


async def test_a_dead_link_is_found_dead_by_a_check(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    account = await an_account(services)
    (token,) = await ask(api, services)
    await services.admin.disable(account.id, an_operator(services))
    refused(await check(api, token), 410, "reset_token_invalid")
    for unknown in ("tkr_" + "a" * 43, "tks_" + token[4:], "nonsense"):
        refused(await check(api, unknown), 410, "reset_token_invalid")


@given_settings(requests_per_client_minute=3)
async def test_checks_count_against_the_requests_of_a_minute(api: httpx.AsyncClient) -> None:
    for _ in range(3):
        refused(await check(api, "nonsense"), 410, "reset_token_invalid")
    refused(await check(api, "nonsense"), 429, "rate_limited")


async def test_the_password_that_one_has_is_no_new_one(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    (token,) = await ask(api, services)
    refused(await follow(api, token, PASSWORD), 422, "weak_password")
    granted(await follow(api, token))


@given_settings(requests_per_client_minute=3)
async def test_tries_of_a_link_count_against_the_requests_of_a_minute(api: httpx.AsyncClient) -> None:
    """Each could tell whether a guess is the password that the account has."""
    for _ in range(3):
        refused(await follow(api, "nonsense"), 410, "reset_token_invalid")
    refused(await follow(api, "nonsense"), 429, "rate_limited")
