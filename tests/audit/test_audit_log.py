"""Events: written once, read in pages, and without a person once the account is gone."""

from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select

from app.audit.domain import EventFilter, EventType
from app.audit.repository import EventRows
from app.audit.service import AuditLog
from app.audit.tables import events
from app.database.engine import Database
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.mail.tables import outbox
from app.security.secret_box import SecretBox

BROWSER = Requester("192.0.2.7", "Mozilla/5.0")


class SteppedClock(Protocol):
    def now(self) -> datetime: ...
    def advance(self, by: timedelta) -> None: ...


@pytest.fixture
def audit_log() -> AuditLog:
    return AuditLog(timedelta(days=400))


async def record(
    audit_log: AuditLog, database: Database, clock: SteppedClock, type: EventType, account_id: UUID | None
) -> None:
    async with database.transaction() as connection:
        await audit_log.record(connection, type, RequestContext(clock.now(), BROWSER), account_id=account_id)


async def test_an_event_reads_back_as_it_was_written(
    audit_log: AuditLog, database: Database, clock: SteppedClock
) -> None:
    account_id = new_id()
    async with database.transaction() as connection:
        await audit_log.record(
            connection,
            EventType.TWO_FACTOR_RESET,
            RequestContext(clock.now(), BROWSER, client_id="support"),
            account_id=account_id,
            reason="lost phone",
            amr=["pwd", "otp"],
            revoked={"sessions": 2, "personal_tokens": 0},
        )

    async with database.autocommit() as connection:
        page = await audit_log.events_of(connection, account_id, after=None, limit=10)

    [event] = page.items
    assert (event.type, event.account_id, event.occurred_at) == (EventType.TWO_FACTOR_RESET, account_id, clock.now())
    assert (event.requester, event.client_id) == (BROWSER, "support")
    assert event.details == {
        "reason": "lost phone",
        "amr": ["pwd", "otp"],
        "revoked": {"sessions": 2, "personal_tokens": 0},
    }


@pytest.mark.parametrize("type", sorted(set(EventType) - {EventType.ACCOUNT_EPOCH_TURNED}))
async def test_every_type_of_event_can_be_kept(
    audit_log: AuditLog, database: Database, clock: SteppedClock, type: EventType
) -> None:
    await record(audit_log, database, clock, type, None)

    async with database.autocommit() as connection:
        page = await audit_log.all_events(connection, EventFilter(type=type), after=None, limit=10)
    assert [event.type for event in page.items] == [type]


async def test_an_event_of_a_newer_release_is_left_out(
    audit_log: AuditLog, database: Database, clock: SteppedClock
) -> None:
    await record(audit_log, database, clock, EventType.LOGIN_SUCCEEDED, None)
    async with database.transaction() as connection:
        await connection.execute(
            insert(events), {"id": new_id(), "type": "login.maybe", "occurred_at": clock.now(), "details": {}}
        )
        page = await audit_log.all_events(connection, EventFilter(), after=None, limit=10)
    assert [event.type for event in page.items] == [EventType.LOGIN_SUCCEEDED]


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(
    audit_log: AuditLog, database: Database, clock: SteppedClock
) -> None:
    mine, other = new_id(), new_id()
    for _ in range(5):
        await record(audit_log, database, clock, EventType.LOGIN_SUCCEEDED, mine)
        await record(audit_log, database, clock, EventType.LOGIN_SUCCEEDED, other)

    seen: list[UUID] = []
    after: UUID | None = None
    async with database.autocommit() as connection:
        while True:
            page = await audit_log.events_of(connection, mine, after=after, limit=2)
            seen += [event.id for event in page.items]
            after = page.next_after
            if after is None:
                break

    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


async def test_a_window_is_read_by_the_time_and_misses_none_of_one_moment(
    audit_log: AuditLog, database: Database, clock: SteppedClock
) -> None:
    began = clock.now()
    for _ in range(3):
        clock.advance(timedelta(seconds=1))
        for _ in range(2):
            await record(audit_log, database, clock, EventType.LOGIN_SUCCEEDED, None)
    window = EventFilter(since=began + timedelta(seconds=1), before=began + timedelta(seconds=3))

    seen: list[tuple[datetime, UUID]] = []
    after: UUID | None = None
    async with database.autocommit() as connection:
        for _ in range(4):
            page = await audit_log.all_events(connection, window, after=after, limit=1)
            seen += [(event.occurred_at, event.id) for event in page.items]
            after = page.next_after

    assert after is None
    assert len(set(seen)) == 4
    assert seen == sorted(seen, reverse=True)


async def test_all_events_can_be_asked_for_one_account_and_one_type(
    audit_log: AuditLog, database: Database, clock: SteppedClock
) -> None:
    mine, other = new_id(), new_id()
    for account_id in (mine, other, None):
        for type in (EventType.LOGIN_FAILED, EventType.LOGIN_SUCCEEDED):
            await record(audit_log, database, clock, type, account_id)

    async with database.autocommit() as connection:
        everything = await audit_log.all_events(connection, EventFilter(), after=None, limit=50)
        failed = await audit_log.all_events(connection, EventFilter(type=EventType.LOGIN_FAILED), after=None, limit=50)
        of_mine = await audit_log.all_events(
            connection, EventFilter(mine, EventType.LOGIN_FAILED), after=None, limit=50
        )

    assert (len(everything.items), len(failed.items), len(of_mine.items)) == (6, 3, 1)


async def test_a_deleted_account_leaves_events_without_a_person_and_no_mails(
    audit_log: AuditLog, secret_box: SecretBox, database: Database, clock: SteppedClock
) -> None:
    gone, stays = new_id(), new_id()
    for account_id in (gone, stays):
        async with database.transaction() as connection:
            context = RequestContext(clock.now(), BROWSER, client_id="app")
            await audit_log.record(connection, EventType.LOGIN_SUCCEEDED, context, account_id=account_id, reason="x")
            await Outbox(secret_box).queue(
                connection, MailKind.PASSWORD_CHANGED, context, account_id=account_id, to="ann@example.com", locale=None
            )

    async with database.transaction() as connection:
        await audit_log.forget(connection, gone)
        await Outbox(secret_box).forget(connection, gone)

    async with database.autocommit() as connection:
        [event] = (await audit_log.events_of(connection, gone, after=None, limit=10)).items
        [other] = (await audit_log.events_of(connection, stays, after=None, limit=10)).items
        mails = list(await connection.scalars(select(outbox.c.account_id)))
    assert (event.requester, event.details) == (Requester(None, None), {})
    assert (event.type, event.occurred_at, event.client_id) == (EventType.LOGIN_SUCCEEDED, clock.now(), "app")
    assert other.requester == BROWSER
    assert mails == [stays]


async def test_events_past_their_time_are_swept(audit_log: AuditLog, database: Database, clock: SteppedClock) -> None:
    await record(audit_log, database, clock, EventType.LOGIN_FAILED, None)
    clock.advance(timedelta(days=400))
    await record(audit_log, database, clock, EventType.LOGIN_FAILED, None)

    async with database.autocommit() as connection:
        assert await EventRows(connection).sweep(before=clock.now()) == 1
        assert await connection.scalar(select(func.count()).select_from(events)) == 1
