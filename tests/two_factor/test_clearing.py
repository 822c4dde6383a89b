"""A password reset that clears two-factor authentication later: the wait, what cancels it, and how it ends."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.audit.domain import EventFilter
from app.clients.domain import Role
from app.kernel.clock import rfc3339
from app.mail.domain import MailContext, unpack
from app.mail.tables import outbox
from app.services import Services, build_services
from app.settings import PasswordResetPolicy, Settings
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.keys import SoftwareKey, a_key, log_in_with_passkey
from tests.support.marks import given_settings
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    Enrolled,
    a_client,
    a_session,
    an_account,
    answer_challenge,
    bearer,
    enroll,
    enrolled_account,
    log_in,
    totp_code,
    wrong_code,
)
from tests.support.postgres import overtaken

LATER = PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER
WAIT, PAUSE = timedelta(days=3), timedelta(days=7)
OTHER_PASSWORD = "seventeen-lanterns-over-quartz"
pytestmark = [pytest.mark.anyio, given_settings(password_reset_policy=LATER)]


async def mails(services: Services, *kinds: str) -> list[tuple[str, MailContext]]:
    """Those that were queued, oldest first, of these kinds or of all."""
    query = select(outbox.c.account_id, outbox.c.letter, outbox.c.sealed, outbox.c.created_at).order_by(outbox.c.id)
    async with services.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    opened = [
        (row.letter, unpack(services.secret_box.open(row.sealed, owner=row.account_id), at=row.created_at))
        for row in rows
    ]
    return [(kind, context) for kind, context in opened if not kinds or kind in kinds]


async def cancel_links(services: Services) -> list[str]:
    about = ("two_factor_clearing", "two_factor_clearing_reminder", "two_factor_clearing_due")
    return [str(context.facts["token"]) for _, context in await mails(services, *about)]


async def reset(
    api: httpx.AsyncClient, services: Services, password: str = NEW_PASSWORD, **more: Any
) -> httpx.Response:
    granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
    await services.password_reset.answer_requests()
    token = str((await mails(services, "password_reset"))[-1][1].facts["token"])
    return await api.post("/v1/password-reset/confirm", json={"token": token, "new_password": password, **more})


async def cancel(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/two-factor-clearing/cancel", json={"token": token})


async def waiting(api: httpx.AsyncClient, services: Services, clock: SetClock) -> Enrolled:
    """An account whose password was reset without its factor."""
    device = await enrolled_account(api, services, clock)
    assert granted(await reset(api, services))["two_factor"] == "clearing"
    return device


async def events(services: Services, *types: str) -> list[dict[str, Any]]:
    page = await services.admin.events(EventFilter(), after=None, limit=200)
    return [{"type": each.type.value, **each.details} for each in page.items[::-1] if each.type.value in types]


async def test_a_reset_counts_at_once_for_the_password_alone(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    ends = rfc3339(clock.now() + WAIT)

    done = granted(await reset(api, services))

    revoked = {"sessions": 1, "personal_tokens": 0}
    assert done == {"two_factor": "clearing", "clears_at": ends, "revoked": revoked}
    refused(await api.get("/v1/me", headers=bearer(device.token)), 401, "invalid_token")
    step = granted(await log_in(api, password=NEW_PASSWORD))
    assert (step["status"], step["clears_at"]) == ("two_factor_required", ends)
    admin = await a_client(services, Role.ADMIN)
    [account] = granted(await api.get("/v1/admin/accounts", auth=admin))["items"]
    assert (account["two_factor"]["status"], account["two_factor"]["clears_at"]) == ("enabled", ends)
    [(_, mail)] = await mails(services, "two_factor_clearing")
    assert mail.facts["clears_at"] == ends
    assert await events(services, "two_factor.clearing_started") == [
        {"type": "two_factor.clearing_started", "clears_at": ends}
    ]


async def test_a_check_foresees_the_wait(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await waiting(api, services, clock)
    ends = rfc3339(clock.now() + WAIT)
    clock.advance(timedelta(hours=5))
    granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
    await services.password_reset.answer_requests()
    token = (await mails(services, "password_reset"))[-1][1].facts["token"]

    foreseen = granted(await api.post("/v1/password-reset/check", json={"token": token}))

    assert foreseen == {"email": EMAIL, "two_factor": "clearing", "clears_at": ends}


async def test_after_the_wait_the_next_right_password_finds_it_gone(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    open_challenge = granted(await log_in(api, password=NEW_PASSWORD))["challenge"]
    clock.advance(WAIT - timedelta(milliseconds=1))
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"
    clock.advance(timedelta(milliseconds=1))
    refused(await log_in(api), 401, "invalid_credentials")
    assert await events(services, "two_factor.cleared") == [], "a wrong password clears nothing"

    grant = granted(await log_in(api, password=NEW_PASSWORD))

    assert grant["token"]["amr"] == ["pwd"]
    assert (grant["account"]["two_factor"]["status"], grant["account"]["two_factor"]["clears_at"]) == ("disabled", None)
    refused(await answer_challenge(api, open_challenge, "000000"), 401, "challenge_expired")
    [cleared] = await events(services, "two_factor.cleared")
    assert cleared["epoch"] > 1
    assert [kind for kind, _ in await mails(services, "two_factor_cleared")] == ["two_factor_cleared"]
    refused(await cancel(api, (await cancel_links(services))[0]), 410, "cancel_link_invalid")
    assert granted(await log_in(api, password=NEW_PASSWORD))["token"]["amr"] == ["pwd"]


async def test_a_right_code_at_the_reset_clears_nothing(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)

    done = granted(await reset(api, services, code=totp_code(device.secret, clock.now())))

    assert done["two_factor"] == "kept"
    assert "clears_at" not in done
    assert "clears_at" not in granted(await log_in(api, password=NEW_PASSWORD))
    assert await events(services, "two_factor.clearing_started") == []


async def test_a_wrong_code_at_the_reset_begins_no_wait(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await enrolled_account(api, services, clock)
    wrong = refused(await reset(api, services, code=wrong_code(device.secret, clock)), 403, "invalid_code")
    assert wrong["attempts_remaining"] == 9
    token = (await mails(services, "password_reset"))[-1][1].facts["token"]

    again = {"token": token, "new_password": NEW_PASSWORD, "code": device.recovery_codes[0]}

    assert await events(services, "two_factor.clearing_started") == []
    assert granted(await api.post("/v1/password-reset/confirm", json=again))["two_factor"] == "kept"


async def test_without_two_factor_nothing_waits(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    assert granted(await reset(api, services))["two_factor"] == "not_enabled"
    assert granted(await log_in(api, password=NEW_PASSWORD))["token"]["amr"] == ["pwd"]


async def test_a_code_cancels_and_starts_no_pause(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await waiting(api, services, clock)
    step = granted(await log_in(api, password=NEW_PASSWORD))

    grant = granted(await answer_challenge(api, step["challenge"], totp_code(device.secret, clock.now())))

    assert grant["account"]["two_factor"]["clears_at"] is None
    assert [each["by"] for each in await events(services, "two_factor.clearing_cancelled")] == ["proof"]
    [(_, mail)] = await mails(services, "two_factor_clearing_cancelled")
    assert mail.facts["by"] == "proof"
    clock.advance(WAIT)
    assert "clears_at" not in granted(await log_in(api, password=NEW_PASSWORD))
    refused(await cancel(api, (await cancel_links(services))[0]), 410, "cancel_link_invalid")
    assert granted(await reset(api, services, OTHER_PASSWORD))["two_factor"] == "clearing"


async def test_a_recovery_code_cancels(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await waiting(api, services, clock)
    granted(await log_in(api, password=NEW_PASSWORD, code=device.recovery_codes[0]))
    assert [each["by"] for each in await events(services, "two_factor.clearing_cancelled")] == ["proof"]


async def test_a_passkey_cancels_even_after_the_wait(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    key = SoftwareKey()
    await a_key(api, await a_session(api), key, passkey=True)
    assert granted(await reset(api, services))["two_factor"] == "clearing"
    clock.advance(WAIT)

    granted(await log_in_with_passkey(api, key))

    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"


async def test_wrong_codes_cancel_nothing(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    device = await waiting(api, services, clock)
    refused(await log_in(api, password=NEW_PASSWORD, code=wrong_code(device.secret, clock)), 401, "invalid_code")
    assert "clears_at" in granted(await log_in(api, password=NEW_PASSWORD))


async def test_resetting_again_forgives_no_wrong_code(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """Whoever reads the mail would otherwise win ten guesses by each reset."""
    device = await waiting(api, services, clock)
    wrong = wrong_code(device.secret, clock)
    first = refused(await log_in(api, password=NEW_PASSWORD, code=wrong), 401, "invalid_code")
    granted(await reset(api, services, OTHER_PASSWORD))
    second = refused(await log_in(api, password=OTHER_PASSWORD, code=wrong), 401, "invalid_code")
    assert (first["attempts_remaining"], second["attempts_remaining"]) == (9, 8)


async def test_another_reset_neither_restarts_nor_shortens_the_wait(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    ends = rfc3339(clock.now() + WAIT)
    for by in (timedelta(hours=20), -timedelta(hours=40)):
        clock.advance(by)
        done = granted(await reset(api, services, f"{OTHER_PASSWORD} {by.total_seconds()}"))
        assert (done["two_factor"], done["clears_at"]) == ("clearing", ends)
    assert len(await events(services, "two_factor.clearing_started")) == 1
    assert len(set(await cancel_links(services))) == 3, "each reset mails a link of its own"


async def test_a_link_cancels_voids_the_password_and_pauses(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await waiting(api, services, clock)
    challenge = granted(await log_in(api, password=NEW_PASSWORD))["challenge"]
    granted(await reset(api, services, OTHER_PASSWORD))
    first, second = await cancel_links(services)

    assert granted(await cancel(api, first)) == {"two_factor": "kept"}, "it outlives a bump of the epoch"

    for link in (first, second):
        refused(await cancel(api, link), 410, "cancel_link_invalid")
    refused(await answer_challenge(api, challenge, device.recovery_codes[0]), 401, "challenge_expired")
    refused(await log_in(api, password=OTHER_PASSWORD), 401, "invalid_credentials")
    [cancelled] = await events(services, "two_factor.clearing_cancelled")
    assert cancelled["by"] == "link"
    [(_, mail)] = await mails(services, "two_factor_clearing_cancelled")
    assert mail.facts["by"] == "link"
    for password in (NEW_PASSWORD, OTHER_PASSWORD):
        assert granted(await reset(api, services, password))["two_factor"] == "kept"
        assert "clears_at" not in granted(await log_in(api, password=password))
        clock.advance(PAUSE - timedelta(hours=1))
    assert granted(await reset(api, services, OTHER_PASSWORD + "!"))["two_factor"] == "clearing"


async def test_a_link_of_the_wait_before_cancels_nothing(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await waiting(api, services, clock)
    [old] = await cancel_links(services)
    granted(await log_in(api, password=NEW_PASSWORD, code=device.recovery_codes[0]))
    granted(await reset(api, services, OTHER_PASSWORD))

    refused(await cancel(api, old), 410, "cancel_link_invalid")

    assert "clears_at" in granted(await log_in(api, password=OTHER_PASSWORD))


async def test_what_is_no_cancel_link_cancels_nothing(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    device = await waiting(api, services, clock)
    [link] = await cancel_links(services)
    challenge = granted(await log_in(api, password=NEW_PASSWORD))["challenge"]
    for wrong in (challenge, device.token, "tkr_" + link[4:], "tkx_" + "a" * 43, link[:-1], link + "A", "\u2028", "x"):
        refused(await cancel(api, wrong), 410, "cancel_link_invalid")
    confirm = {"token": link, "new_password": OTHER_PASSWORD}
    refused(await api.post("/v1/password-reset/confirm", json=confirm), 410, "reset_token_invalid")
    refused(await api.get("/v1/me", headers=bearer(link)), 401, "invalid_token")
    refused(await answer_challenge(api, link, device.recovery_codes[0]), 401, "challenge_expired")
    granted(await cancel(api, link))


async def test_a_wait_that_was_cancelled_a_moment_ago_clears_nothing(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    """The log-in has read that it is over, and then waits for whoever cancels."""
    await waiting(api, services, clock)
    clock.advance(WAIT)
    cancelling = "DELETE FROM two_factor_clearings USING (SELECT FROM accounts FOR NO KEY UPDATE) AS locked"
    step = granted(await overtaken(database_url, log_in(api, password=NEW_PASSWORD), cancelling))
    assert step["status"] == "two_factor_required"


async def test_an_operator_cancels_and_the_password_stays(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    admin, reader = await a_client(services, Role.ADMIN), await a_client(services, Role.ACCOUNTS_READ)
    [account] = granted(await api.get("/v1/admin/accounts", auth=admin))["items"]
    url, body = f"/v1/admin/accounts/{account['id']}/2fa/clearing/cancel", {"reason": "He called us."}
    refused(await api.post(url, json=body, auth=reader), 403, "insufficient_role")
    refused(await api.post(url, json={"reason": " "}, auth=admin), 422, "invalid_request")

    done = granted(await api.post(url, json=body, auth=admin))

    assert (done["two_factor"]["status"], done["two_factor"]["clears_at"]) == ("enabled", None)
    refused(await api.post(url, json=body, auth=admin), 409, "nothing_to_cancel")
    unknown = url.replace(account["id"], "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6")
    refused(await api.post(unknown, json=body, auth=admin), 404, "not_found")
    [cancelled] = await events(services, "two_factor.clearing_cancelled")
    assert (cancelled["by"], cancelled["reason"]) == ("operator", "He called us.")
    clock.advance(WAIT)
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"
    assert granted(await reset(api, services, OTHER_PASSWORD))["two_factor"] == "clearing", "no pause"


async def test_a_factor_that_is_new_inherits_no_wait(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    admin = await a_client(services, Role.ADMIN)
    [account] = granted(await api.get("/v1/admin/accounts", auth=admin))["items"]
    url, body = f"/v1/admin/accounts/{account['id']}/2fa/reset", {"reason": "Identity checked."}
    granted(await api.post(url, json=body, auth=admin))
    await enroll(api, await a_session(api, password=NEW_PASSWORD), clock.now(), NEW_PASSWORD)
    clock.advance(WAIT)
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"


async def test_it_is_mailed_half_way_a_day_before_and_at_the_end(
    api: httpx.AsyncClient, services: Services, clock: SetClock, settings: Settings
) -> None:
    """By two workers at once, each of which also asks again, as after a crash."""
    await waiting(api, services, clock)
    other, begun = build_services(settings, clock), clock.now()
    workers = (services.two_factor.clearing, other.two_factor.clearing)
    for hours in range(0, 80, 4):
        clock.advance(begun + timedelta(hours=hours) - clock.now())
        for _ in range(2):
            await asyncio.gather(*(each.send_reminders() for each in workers))
    await other.close()
    sent = [(kind, context.at) for kind, context in await mails(services) if kind.startswith("two_factor_clearing")]
    assert [(kind.removeprefix("two_factor_clearing"), (at - begun) / timedelta(hours=1)) for kind, at in sent] == [
        ("", 0),
        ("_reminder", 36),
        ("_reminder", 48),
        ("_due", 72),
    ]
    granted(await cancel(api, (await cancel_links(services))[-1]))
    refused(await log_in(api, password=NEW_PASSWORD), 401, "invalid_credentials")


async def test_a_worker_that_was_away_mails_once(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await waiting(api, services, clock)
    clock.advance(timedelta(hours=60))
    for _ in range(3):
        await services.two_factor.clearing.send_reminders()
    clock.advance(-timedelta(hours=20))
    await services.two_factor.clearing.send_reminders()
    assert len(await mails(services, "two_factor_clearing_reminder")) == 1
    clock.advance(timedelta(days=9))
    for _ in range(3):
        await services.two_factor.clearing.send_reminders()
    assert len(await mails(services, "two_factor_clearing_due")) == 1


async def test_a_clock_set_back_only_lengthens_the_wait(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    clock.advance(-timedelta(days=1))
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"
    clock.advance(WAIT)
    assert granted(await log_in(api, password=NEW_PASSWORD))["status"] == "two_factor_required"
    clock.advance(timedelta(days=1))
    assert granted(await log_in(api, password=NEW_PASSWORD))["token"]["amr"] == ["pwd"]


async def test_of_two_log_ins_after_the_wait_both_get_in(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    clock.advance(WAIT)
    answers = await asyncio.gather(*(log_in(api, password=NEW_PASSWORD) for _ in range(4)))
    assert [granted(each)["token"]["amr"] for each in answers] == [["pwd"]] * 4
    assert len(await events(services, "two_factor.cleared")) == 1


async def test_a_deleted_account_takes_its_wait_along(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await waiting(api, services, clock)
    [link] = await cancel_links(services)
    admin = await a_client(services, Role.ADMIN)
    [account] = granted(await api.get("/v1/admin/accounts", auth=admin))["items"]
    gone = await api.delete(f"/v1/admin/accounts/{account['id']}", auth=admin)
    assert gone.status_code == 204
    clock.advance(WAIT)
    assert await services.two_factor.clearing.send_reminders() == 0
    refused(await cancel(api, link), 410, "cancel_link_invalid")
    assert await mails(services) == []
