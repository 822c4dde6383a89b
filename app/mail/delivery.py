"""From the outbox to the mail server: at least once, and twice only where a process died in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage

import structlog
from jinja2 import TemplateError

from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import Unavailable
from app.kernel.requester import NO_REQUESTER
from app.mail.domain import MailContext, MailKind, OutboxState, QueuedMail, unpack, wait_before_retry
from app.mail.mailer import MailDeferred, MailDropped, Mailer, MailRefused, MailServerRefusesUs
from app.mail.rendering import MailTemplates
from app.mail.repository import OutboxRows
from app.security.secret_box import SealBroken, SecretBox

_CLAIMED_AT_ONCE = 20
_MOST_IN_FLIGHT = 40
# Until an operator has changed something, one attempt a minute shows whether he has.
_PAUSE = timedelta(minutes=1)

_log = structlog.get_logger("twokeys.mail")


async def outbox_state(connection: Connection, at: datetime) -> OutboxState:
    return await OutboxRows(connection).state(at)


@dataclass(frozen=True)
class Lease:
    """How long a claim lasts. It is renewed as long as a mail is with the mailer: a server may take ten minutes for its
    answer, and a mail whose process died should not wait for that long.
    """

    seconds: float = 30
    renewed_every: float = 10
    claim_waits: float = 10
    """How long the quick mails of a claim wait for the slow ones, which then go on by themselves."""

    def until(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self.seconds)


@dataclass
class _State:
    """What changes."""

    in_flight: set[asyncio.Task[None]] = field(default_factory=set)
    """The mails that are with the mailer."""
    paused_until: datetime | None = None
    """Until then a server that refuses us is left alone."""
    pen: asyncio.Lock = field(default_factory=asyncio.Lock)
    """To write a mail takes two milliseconds: one in each turn of the event loop, so that requests go between."""


@dataclass(frozen=True)
class Delivery:
    database: Database
    clock: Clock
    secret_box: SecretBox
    mailer: Mailer
    templates: MailTemplates
    lease: Lease = Lease()
    _state: _State = field(default_factory=_State)

    async def deliver_due(self) -> int:
        """Tries every mail of one claim and returns how many there were: where it is not 0, more may be due.

        Raises Unavailable where nothing could be claimed.
        """
        claimed = {asyncio.create_task(self._deliver(mail)) for mail in await self._claim()}
        self._state.in_flight |= claimed
        if claimed:
            await asyncio.wait(claimed, timeout=self.lease.claim_waits)
        done = {task for task in self._state.in_flight if task.done()}
        self._state.in_flight -= done
        for fault in filter(None, [task.exception() for task in done]):
            raise fault
        return len(claimed)

    async def send_test(self, to: str) -> None:
        """To the mail server at once, past the outbox. Raises MailRefused, MailDeferred."""
        context = MailContext(to, self.clock.now(), NO_REQUESTER, {})
        await self.mailer.send(self.templates.render(MailKind.TEST, context, id=new_id()))

    async def stop(self) -> None:
        """Cuts off what is still with the mailer; it goes out again when its claim lapses."""
        for task in self._state.in_flight:
            task.cancel()
        await asyncio.gather(*self._state.in_flight, return_exceptions=True)
        self._state.in_flight.clear()

    async def _claim(self) -> Sequence[QueuedMail]:
        at, paused_until = self.clock.now(), self._state.paused_until
        if paused_until and at < paused_until:
            return []
        limit = 1 if paused_until else min(_CLAIMED_AT_ONCE, _MOST_IN_FLIGHT - len(self._state.in_flight))
        if limit < 1:
            return []
        async with self.database.autocommit() as connection:
            return await OutboxRows(connection).claim_due(at, until=self.lease.until(at), limit=limit)

    async def _deliver(self, mail: QueuedMail) -> None:
        log = _log.bind(id=str(mail.id), kind=mail.kind, attempts=mail.attempts)
        try:
            if self.clock.now() >= mail.give_up_at:
                await self._mark_failed(mail, log, "too late")
                return
            await self._try(mail, log)
        except Unavailable:
            # The claim lapses, and the mail is tried again then, even if it has left.
            log.warning("mail_outcome_not_noted")

    async def _try(self, mail: QueuedMail, log: structlog.typing.FilteringBoundLogger) -> None:
        try:
            async with self._state.pen:
                await asyncio.sleep(0)
                message = self._write(mail)
        except SealBroken:
            await self._mark_failed(mail, log, "sealed with a key that is gone")
            return
        except (ValueError, TypeError, LookupError, TemplateError) as error:
            # A mail of a newer release, for one: its own workers can write it.
            await self._reschedule(mail, log, f"not written: {type(error).__name__}")
            return
        try:
            async with self._claim_renewed(mail):
                await self.mailer.send(message)
        except MailRefused as error:
            await self._mark_failed(mail, log, str(error))
        except MailServerRefusesUs as error:
            self._state.paused_until = self.clock.now() + _PAUSE
            await self._reschedule(mail, log, str(error))
        except MailDeferred as error:
            await self._reschedule(mail, log, str(error))
        except MailDropped:
            await self._settle(mail, log, "mail_dropped")
        else:
            self._state.paused_until = None
            await self._settle(mail, log, "mail_sent")

    def _write(self, mail: QueuedMail) -> EmailMessage:
        packed = self.secret_box.open(mail.sealed, owner=mail.account_id)
        context = unpack(packed, at=mail.created_at, times=mail.times)
        return self.templates.render(MailKind(mail.kind), context, id=mail.id)

    @asynccontextmanager
    async def _claim_renewed(self, mail: QueuedMail) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._renew(mail))
        try:
            yield
        finally:
            renewing.cancel()

    async def _renew(self, mail: QueuedMail) -> None:
        while True:
            await asyncio.sleep(self.lease.renewed_every)
            with suppress(Unavailable):
                async with self.database.autocommit() as connection:
                    await OutboxRows(connection).reschedule(mail, until=self.lease.until(self.clock.now()))

    async def _settle(self, mail: QueuedMail, log: structlog.typing.FilteringBoundLogger, outcome: str) -> None:
        async with self.database.autocommit() as connection:
            await OutboxRows(connection).mark_sent(mail.id, self.clock.now())
        log.info(outcome)

    async def _reschedule(self, mail: QueuedMail, log: structlog.typing.FilteringBoundLogger, reason: str) -> None:
        at = self.clock.now()
        wait = wait_before_retry(at - mail.created_at)
        async with self.database.autocommit() as connection:
            await OutboxRows(connection).reschedule(mail, until=at + wait)
        log.warning("mail_deferred", reason=reason, wait_seconds=wait.total_seconds())

    async def _mark_failed(self, mail: QueuedMail, log: structlog.typing.FilteringBoundLogger, reason: str) -> None:
        async with self.database.autocommit() as connection:
            await OutboxRows(connection).mark_failed(mail.id, self.clock.now())
        log.error("mail_given_up", reason=reason)
