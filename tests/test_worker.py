"""Sweeping out what has ended, and nothing that still counts."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from app.accounts.attempts.repository import BEGINNING, SWEEP_STREAKS, Position
from app.services import Services
from tests.conftest import SetClock
from tests.email_change.address_change import NEW, move, request
from tests.support.answers import granted, refused
from tests.support.people import EMAIL, PASSWORD, a_session, an_account, bearer, begin, enroll, log_in, totp_code

pytestmark = pytest.mark.anyio

WRONG = "a wrong one entirely"
TABLES = (
    "accounts",
    "authenticator_enrollments",
    "authenticators",
    "client_requests",
    "email_change_undos",
    "email_changes",
    "events",
    "known_clients",
    "login_challenges",
    "outbox",
    "password_attempts",
    "password_reset_links",
    "password_streaks",
    "tokens",
    "two_factor_accounts",
)


async def counts(services: Services) -> dict[str, int]:
    async with services.database.autocommit() as connection:
        query = "SELECT count(*) FROM {}"
        return {name: int(await connection.scalar(text(query.format(name))) or 0) for name in TABLES}


async def test_sweeping_leaves_what_lives(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    challenge = granted(await log_in(api))["challenge"]
    await log_in(api, password=WRONG)
    await an_account(services, "grace@example.com")
    pending = await a_session(api, "grace@example.com")
    secret = (await begin(api, pending))["secret"]
    granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
    await services.password_reset.answer_requests()
    body = {"new_email": "grace.hopper@example.com", "password": PASSWORD}
    granted(await api.post("/v1/me/email", json=body, headers=bearer(pending)), 202)
    await services.email_change.answer_requests()
    before = await counts(services)
    await services.worker.sweep()
    left = await counts(services)
    # The session of before the confirmation ended with it; of two people one has a wrong password that still counts.
    assert (before["tokens"], before["password_attempts"]) == (3, 2)
    assert left == before | {"tokens": 2, "password_attempts": 1}
    granted(await api.get("/v1/me", headers=bearer(device.token)))
    step = {"challenge": challenge, "code": device.recovery_codes[0]}
    granted(await api.post("/v1/login/two-factor", json=step))
    code = {"code": totp_code(secret, clock.now())}
    granted(await api.post("/v1/me/2fa/confirm", json=code, headers=bearer(pending)))


async def test_sweeping_removes_what_has_ended(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    await log_in(api, password=WRONG)
    granted(await log_in(api))
    await an_account(services, "grace@example.com")
    await begin(api, await a_session(api, "grace@example.com"))
    granted(await api.post("/v1/password-reset", json={"email": EMAIL}), 202)
    await services.password_reset.answer_requests()
    session = await a_session(api, "grace@example.com")
    await move(api, services, session)
    granted(await request(api, await a_session(api, NEW)), 202)
    async with services.database.autocommit() as connection:
        await connection.execute(text("UPDATE outbox SET sealed = NULL, sent_at = :at"), {"at": clock.now()})
    clock.advance(timedelta(days=services.settings.event_retention_days + 1))
    await services.worker.sweep()
    # Two people and one device that is on.
    assert {name: count for name, count in (await counts(services)).items() if count} == {
        "accounts": 2,
        "authenticators": 1,
        "two_factor_accounts": 1,
    }


async def test_an_expired_enrollment_says_so_and_goes_after_a_day(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    session = await a_session(api)
    code = {"code": totp_code((await begin(api, session))["secret"], clock.now())}
    clock.advance(timedelta(minutes=50))
    await services.worker.sweep()
    late = await api.post("/v1/me/2fa/confirm", json=code, headers=bearer(session))
    refused(late, 410, "enrollment_expired")
    for hours, left in ((23, 1), (2, 0)):
        clock.advance(timedelta(hours=hours))
        await services.worker.sweep()
        async with services.database.autocommit() as connection:
            kept = await connection.scalar(text("SELECT count(*) FROM authenticator_enrollments"))
        assert kept == left


async def test_a_failed_log_in_to_no_account_is_kept_for_a_week(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await log_in(api, password=WRONG)
    await log_in(api, "nobody@example.com", WRONG)
    for days, left in ((6, 2), (2, 1)):
        clock.advance(timedelta(days=days))
        await services.worker.sweep()
        async with services.database.autocommit() as connection:
            failed = text("SELECT count(*) FROM events WHERE type = 'login.failed'")
            assert await connection.scalar(failed) == left


async def test_a_sweep_that_fails_keeps_no_other_from_its_turn(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    await log_in(api, "nobody@example.com", WRONG)
    clock.advance(timedelta(days=400))
    async with services.database.transaction() as connection:
        await connection.execute(text("ALTER TABLE login_challenges RENAME TO gone_challenges"))
        await connection.execute(text("ALTER TABLE password_streaks RENAME TO gone_streaks"))
    await services.worker.sweep()
    async with services.database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM events WHERE type = 'login.failed'")) == 0


async def test_counts_are_swept_in_steps_that_go_on_where_the_last_round_ended(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    rows = text("""
        INSERT INTO password_streaks (subject, in_a_row, last_at)
        SELECT sha256(convert_to(n::text, 'UTF8')), 1, CAST(:at AS timestamptz) - (n % 2) * interval '2 days'
        FROM generate_series(1, 1000) AS n
    """)
    async with services.database.transaction() as connection:
        await connection.execute(rows, {"at": clock.now()})
    position: Position = BEGINNING
    rounds = 0
    async with services.database.autocommit() as connection:
        while position != BEGINNING or not rounds:
            since = clock.now() - timedelta(days=1)
            position = await SWEEP_STREAKS.run(connection, position, since, most=300)
            rounds += 1
        assert await connection.scalar(text("SELECT count(*) FROM password_streaks")) == 500
    assert rounds == 4
