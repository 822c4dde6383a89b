"""The outbox against a real mail server that is there, away, slow or unwilling."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Protocol

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from app.database.engine import Database
from app.kernel.randomness import new_id, random_bytes
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester
from app.key_rotation.service import Rotation
from app.mail.delivery import Delivery, Lease, outbox_state
from app.mail.domain import MailKind, OutboxState
from app.mail.mailer import NoMailer, SmtpMailer
from app.mail.rendering import MailTemplates
from app.mail.repository import OutboxRows
from app.mail.service import Outbox
from app.mail.tables import outbox
from app.security.secret_box import SecretBox
from tests.support.marks import PATIENCE
from tests.support.postgres import end_connections
from tests.support.receiving import MailSink

BROWSER = Requester("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
TEMPLATES = MailTemplates(issuer="Twokeys", mail_from="no-reply@example.com", public_url="https://id.example.com")
SECOND = timedelta(seconds=1)


class SteppedClock(Protocol):
    def now(self) -> datetime: ...
    def advance(self, by: timedelta) -> None: ...


@pytest.fixture
def sink() -> MailSink:
    return MailSink()


@pytest.fixture
async def delivery(database: Database, clock: SteppedClock, secret_box: SecretBox, sink: MailSink) -> Delivery:
    """To a sink that listened for a moment, so that its port is known, and is away."""
    async with sink.running():
        pass
    return Delivery(database, clock, secret_box, SmtpMailer(SecretStr(sink.url)), TEMPLATES)


Post = Callable[..., Awaitable[None]]


@pytest.fixture
def post(database: Database, clock: SteppedClock, secret_box: SecretBox) -> Post:
    async def post_one(to: str = "ann@example.com", **options: Any) -> None:
        async with database.transaction() as connection:
            await Outbox(secret_box).queue(
                connection,
                options.pop("kind", MailKind.PASSWORD_CHANGED),
                RequestContext(clock.now(), BROWSER),
                to=to,
                locale=None,
                **{"account_id": new_id()} | options,
            )

    return post_one


async def rows(database: Database) -> list[Any]:
    async with database.autocommit() as connection:
        return list(await connection.execute(select(outbox).order_by(outbox.c.id)))


async def state(database: Database, clock: SteppedClock) -> OutboxState:
    async with database.autocommit() as connection:
        return await outbox_state(connection, clock.now())


async def test_a_mail_leaves_and_its_payload_is_wiped(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post(kind=MailKind.PASSWORD_RESET, token="tkr_x", minutes=30)

    async with sink.running():
        assert await delivery.deliver_due() == 1
        assert await delivery.deliver_due() == 0

    text = sink.messages[0].get_body(("plain",))
    assert text is not None
    assert "https://id.example.com/console/#/password-reset/tkr_x" in text.get_content()
    assert "Firefox on Linux" in text.get_content()
    [row] = await rows(database)
    assert (row.sealed, row.sent_at, row.failed_at) == (None, clock.now(), None)


async def test_a_queued_mail_can_not_be_read_in_the_database(post: Post, database: Database) -> None:
    await post(kind=MailKind.PASSWORD_RESET, token="tkr_x", minutes=30)

    [row] = await rows(database)

    for personal in (b"ann@", b"tkr_x", b"192.0.2.7", b"Mozilla"):
        assert personal not in row.sealed


async def test_a_mail_of_a_transaction_that_fails_is_never_sent(
    delivery: Delivery, database: Database, clock: SteppedClock, secret_box: SecretBox
) -> None:
    about: dict[str, Any] = {"account_id": new_id(), "to": "ann@example.com", "locale": None}

    async def act_that_fails() -> None:
        async with database.transaction() as connection:
            await Outbox(secret_box).queue(
                connection, MailKind.PASSWORD_CHANGED, RequestContext(clock.now(), BROWSER), **about
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await act_that_fails()
    assert await delivery.deliver_due() == 0


async def test_a_mail_without_what_it_must_tell_is_not_even_queued(post: Post, database: Database) -> None:
    with pytest.raises(TypeError, match="token"):
        await post(kind=MailKind.PASSWORD_RESET, minutes=30)

    assert await rows(database) == []


@pytest.mark.parametrize("outage_seconds", [1, 10, 60])
async def test_after_a_short_outage_a_mail_leaves_within_five_seconds(
    delivery: Delivery, post: Post, sink: MailSink, clock: SteppedClock, outage_seconds: int
) -> None:
    await post()
    for _ in range(outage_seconds):
        await delivery.deliver_due()
        clock.advance(SECOND)

    async with sink.running():
        for _ in range(5):
            await delivery.deliver_due()
            clock.advance(SECOND)

    assert sink.recipients == ["ann@example.com"]


async def test_a_long_outage_is_not_answered_with_a_storm(
    delivery: Delivery, post: Post, database: Database, clock: SteppedClock
) -> None:
    await post()
    clock.advance(timedelta(days=1))
    await delivery.deliver_due()

    clock.advance(timedelta(seconds=299))
    assert await delivery.deliver_due() == 0
    clock.advance(SECOND)
    assert await delivery.deliver_due() == 1


async def test_a_recipient_refused_for_good_is_given_up_at_once(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post()
    sink.recipient_answer = "550 no such user"

    async with sink.running():
        await delivery.deliver_due()
        clock.advance(timedelta(hours=1))
        assert await delivery.deliver_due() == 0

    assert (await state(database, clock)).dead == 1
    [row] = await rows(database)
    assert row.sealed is None


async def test_a_recipient_refused_for_now_is_tried_again(
    delivery: Delivery, post: Post, sink: MailSink, clock: SteppedClock
) -> None:
    await post()
    async with sink.running():
        sink.recipient_answer = "451 greylisted"
        await delivery.deliver_due()
        sink.recipient_answer = "250 OK"
        clock.advance(2 * SECOND)
        await delivery.deliver_due()

    assert sink.recipients == ["ann@example.com"]


async def test_a_server_that_hangs_costs_an_attempt_and_no_mail(
    delivery: Delivery, post: Post, sink: MailSink, clock: SteppedClock
) -> None:
    await post()
    impatient = replace(delivery, mailer=SmtpMailer(SecretStr(sink.url), final_dot_seconds=0.2))
    async with sink.running():
        sink.takes_its_time = True
        await impatient.deliver_due()
        sink.takes_its_time = False
        clock.advance(2 * SECOND)
        await impatient.deliver_due()

    assert sink.recipients == ["ann@example.com"]


async def test_a_server_that_is_slow_with_its_answer_gets_one_copy(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock, secret_box: SecretBox
) -> None:
    await post()
    quick = replace(delivery, lease=Lease(seconds=30, renewed_every=0.05, claim_waits=0.5))
    other = Delivery(database, clock, secret_box, SmtpMailer(SecretStr(sink.url)), TEMPLATES)
    sink.takes_its_time = True
    async with sink.running():
        await quick.deliver_due()
        for _ in range(10):
            # Half a minute later the claim would have lapsed, had it not been renewed.
            clock.advance(20 * SECOND)
            await renewed(database, clock)
            assert await other.deliver_due() == 0
        sink.goes_on.set()
        while (await state(database, clock)).pending:
            await quick.deliver_due()
            await asyncio.sleep(0)

    assert sink.contents == 1
    assert sink.recipients == ["ann@example.com"]


async def renewed(database: Database, clock: SteppedClock) -> None:
    async with asyncio.timeout(PATIENCE):
        while [row.next_attempt_at for row in await rows(database)] != [clock.now() + 30 * SECOND]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_slow_answer_holds_up_no_other_mail(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    quick = replace(delivery, lease=Lease(seconds=30, renewed_every=10, claim_waits=0.2))
    sink.takes_its_time = True
    async with sink.running():
        await post(to="slow@example.com")
        await quick.deliver_due()
        sink.takes_its_time = False
        await post(to="ben@example.com")
        await quick.deliver_due()
        assert sink.recipients == ["ben@example.com"]
        await quick.stop()
    assert (await state(database, clock)).pending == 1


async def test_a_wrong_password_is_tried_once_a_minute(
    delivery: Delivery, post: Post, sink: MailSink, clock: SteppedClock
) -> None:
    for number in range(3):
        await post(to=f"person{number}@example.com")
    sink.refuses_log_in = True
    url = sink.url.replace("//", "//ann:wrong@") + "?starttls=false"
    delivery = replace(delivery, mailer=SmtpMailer(SecretStr(url)))
    async with sink.running():
        await delivery.deliver_due()
        # A client may try several mechanisms on one connection.
        tries = len(sink.logins) // 3
        for _ in range(5 * 60):
            await delivery.deliver_due()
            clock.advance(SECOND)
        assert len(sink.logins) == (3 + 4) * tries
        sink.refuses_log_in = False
        clock.advance(60 * SECOND)
        while await delivery.deliver_due():
            pass

    assert len(sink.recipients) == 3


async def test_a_server_that_will_not_relay_loses_no_mail(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post()
    sink.recipient_answer = "550 relay denied"
    async with sink.running():
        await delivery.deliver_due()
    assert (await state(database, clock)).dead == 0


async def test_mail_that_is_turned_off_is_not_logged_as_sent(delivery: Delivery, post: Post) -> None:
    await post()
    with capture_logs() as result:
        await replace(delivery, mailer=NoMailer()).deliver_due()
    assert [line["event"] for line in result] == ["mail_dropped"]


async def test_requests_go_between_the_mails_of_one_claim(delivery: Delivery, post: Post) -> None:
    turn = 0
    sent_in: list[int] = []
    loop = asyncio.get_running_loop()

    def next_turn() -> None:
        nonlocal turn
        turn += 1
        if len(sent_in) < 5:
            loop.call_soon(next_turn)

    class Mailbox:
        async def send(self, message: EmailMessage) -> None:
            sent_in.append(turn)

    for _ in range(5):
        await post()
    next_turn()
    await replace(delivery, mailer=Mailbox()).deliver_due()

    assert len(sent_in) == 5
    assert len(set(sent_in)) == 5, "several were written in one turn of the event loop"


async def test_one_unwilling_recipient_holds_up_nobody(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post(to="not an address")
    await post(to="bob@example.com")

    async with sink.running():
        await delivery.deliver_due()

    assert sink.recipients == ["bob@example.com"]
    assert (await state(database, clock)).pending == 1


async def test_a_worker_killed_after_its_claim_leaves_the_mail_to_the_next(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post()
    async with database.autocommit() as connection:
        await OutboxRows(connection).claim_due(clock.now(), until=clock.now() + 30 * SECOND, limit=20)

    async with sink.running():
        clock.advance(29 * SECOND)
        assert await delivery.deliver_due() == 0
        clock.advance(SECOND)
        assert await delivery.deliver_due() == 1

    assert sink.recipients == ["ann@example.com"]


async def test_a_worker_that_wakes_up_late_does_not_move_anothers_claim(
    post: Post, database: Database, clock: SteppedClock
) -> None:
    await post()
    async with database.autocommit() as connection:
        outboxes = OutboxRows(connection)
        [late] = await outboxes.claim_due(clock.now(), until=clock.now() + 30 * SECOND, limit=20)
        clock.advance(30 * SECOND)
        await outboxes.claim_due(clock.now(), until=clock.now() + 30 * SECOND, limit=20)

        await outboxes.reschedule(late, until=clock.now())

        assert await outboxes.claim_due(clock.now(), until=clock.now(), limit=20) == []


async def test_many_workers_send_each_mail_once(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    sent_to = [f"person{number}@example.com" for number in range(60)]
    for to in sent_to:
        await post(to=to)

    async with sink.running():
        while any(await asyncio.gather(*(delivery.deliver_due() for _ in range(4)))):
            pass

    assert sorted(sink.recipients) == sorted(sent_to)
    assert await state(database, clock) == OutboxState(pending=0, oldest_age_seconds=0, dead=0)


async def test_a_mail_that_is_of_no_use_any_more_is_not_sent(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post(give_up_at=clock.now() + timedelta(minutes=30))
    clock.advance(timedelta(minutes=30))

    async with sink.running():
        await delivery.deliver_due()

    assert sink.messages == []
    assert (await state(database, clock)).dead == 1


async def test_after_three_days_a_mail_is_given_up(
    delivery: Delivery, post: Post, database: Database, clock: SteppedClock
) -> None:
    await post(give_up_at=clock.now() + timedelta(days=30))
    clock.advance(timedelta(days=3))

    await delivery.deliver_due()

    assert (await state(database, clock)).dead == 1


async def test_a_mail_sealed_with_a_lost_key_is_given_up(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post()

    async with sink.running():
        await replace(delivery, secret_box=SecretBox((random_bytes(32),))).deliver_due()

    assert sink.messages == []
    assert (await state(database, clock)).dead == 1


async def test_a_mail_of_a_newer_release_waits_for_it(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post()
    async with database.autocommit() as connection:
        await connection.execute(update(outbox).values(letter="love_letter"))

    async with sink.running():
        await delivery.deliver_due()

    assert (await state(database, clock)).pending == 1


async def test_the_state_tells_how_long_the_oldest_mail_waits(
    post: Post, database: Database, clock: SteppedClock
) -> None:
    await post()
    clock.advance(40 * SECOND)
    await post()

    assert await state(database, clock) == OutboxState(pending=2, oldest_age_seconds=40, dead=0)


async def test_settled_mails_are_swept_and_waiting_ones_stay(
    delivery: Delivery, post: Post, sink: MailSink, database: Database, clock: SteppedClock
) -> None:
    await post(to="sent@example.com")
    async with sink.running():
        await delivery.deliver_due()
    await post(to="waiting@example.com")
    clock.advance(timedelta(days=1))

    async with database.autocommit() as connection:
        assert await OutboxRows(connection).sweep(before=clock.now()) == 1

    [row] = await rows(database)
    assert row.sent_at is None


@pytest.mark.parametrize("written", [0, 1, 101])
async def test_a_new_key_reseals_what_waits_and_the_old_one_can_go(
    delivery: Delivery,
    post: Post,
    sink: MailSink,
    database: Database,
    secret_box: SecretBox,
    clock: SteppedClock,
    written: int,
) -> None:
    for number in range(written):
        await post(to=f"person{number}@example.com")
    old, new = random_bytes(32), random_bytes(32)
    await move_to(database, secret_box, SecretBox((old,)))

    both = SecretBox((new, old))
    rotation = Rotation(database, both)
    first = [progress async for progress in rotation.reseal(Outbox(both))]
    again = [progress async for progress in rotation.reseal(Outbox(both))]

    assert (first[-1].total, first[-1].seen, first[-1].resealed, first[-1].unreadable) == (written, written, written, 0)
    assert (again[-1].seen, again[-1].resealed) == (written, 0)
    async with sink.running():
        while await replace(delivery, secret_box=SecretBox((new,))).deliver_due():
            pass
    assert len(sink.messages) == written


async def test_resealing_counts_what_it_can_not_read_and_leaves_it(post: Post, database: Database) -> None:
    await post()
    before = await rows(database)

    stranger = SecretBox((random_bytes(32),))
    [progress] = [each async for each in Rotation(database, stranger).reseal(Outbox(stranger))]

    assert (progress.resealed, progress.unreadable) == (0, 1)
    assert await rows(database) == before


async def test_resealing_never_brings_a_sent_mail_back(
    delivery: Delivery, post: Post, sink: MailSink, database: Database
) -> None:
    await post()
    [row] = await rows(database)
    async with sink.running():
        await delivery.deliver_due()

    async with database.autocommit() as connection:
        assert not await OutboxRows(connection).reseal(row.id, old=row.sealed, new=b"new")


async def test_a_mail_is_in_exactly_one_state(database: Database, clock: SteppedClock) -> None:
    at = clock.now()
    both = {"sealed": b"x", "sent_at": at}
    common = {
        "id": new_id(),
        "account_id": new_id(),
        "letter": "password_changed",
        "attempts": 0,
        "created_at": at,
        "next_attempt_at": at,
        "give_up_at": at,
    }

    with pytest.raises(Exception, match="one_state"):
        async with database.transaction() as connection:
            await connection.execute(insert(outbox), common | both)


async def move_to(database: Database, secret_box: SecretBox, other: SecretBox) -> None:
    """Seals every waiting mail as if it had been written under the other key."""
    for row in await rows(database):
        sealed = other.seal(secret_box.open(row.sealed, owner=row.account_id), owner=row.account_id)
        async with database.autocommit() as connection:
            await OutboxRows(connection).reseal(row.id, old=row.sealed, new=sealed)


class Mishap:
    """Takes every mail; then something happens before that is noted."""

    def __init__(self, mishap: Callable[[], Awaitable[None]]) -> None:
        self._mishap = mishap
        self.taken = 0

    async def send(self, message: EmailMessage) -> None:
        self.taken += 1
        await self._mishap()


async def test_a_mail_whose_outcome_could_not_be_noted_goes_out_again_after_its_claim(
    delivery: Delivery, post: Post, database: Database, clock: SteppedClock, database_url: str
) -> None:
    await post()
    mailer = Mishap(lambda: end_connections(database_url))
    assert await replace(delivery, mailer=mailer).deliver_due() == 1
    assert mailer.taken == 1
    assert (await state(database, clock)).pending == 1, "it may have left, and nobody knows"
    assert await replace(delivery, mailer=mailer).deliver_due() == 0, "the claim still holds"
    clock.advance(30 * SECOND)
    assert await replace(delivery, mailer=mailer).deliver_due() == 1
    assert mailer.taken == 2


async def test_a_fault_of_ours_with_one_mail_does_not_stop_the_others(
    delivery: Delivery, post: Post, database: Database, clock: SteppedClock
) -> None:
    async def fail_once() -> None:
        if mailer.taken == 1:
            raise RuntimeError("a mistake of ours")

    mailer = Mishap(fail_once)
    for _ in range(2):
        await post()
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        await replace(delivery, mailer=mailer).deliver_due()
    assert mailer.taken == 2
    assert (await state(database, clock)).pending == 1
