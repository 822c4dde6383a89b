"""From the outbox to the mail server: at least once, and twice only where a process died in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from jinja2 import TemplateError

from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.refusal import Unavailable
from app.mail.domain import Letter, OutboxState, QueuedLetter, unpack, wait_before_retry
from app.mail.mailer import MailDeferred, MailDropped, Mailer, MailRefused, MailServerRefusesUs
from app.mail.rendering import Letters
from app.mail.repository import OutboxRows
from app.security.secret_box import SealBroken, Vault

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
    answer, and a mail whose process died should not wait for so long.
    """

    seconds: float = 30
    renewed_every: float = 10
    claim_waits: float = 10
    """For so long the quick mails of a claim wait for the slow ones, which then go on by themselves."""

    def until(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self.seconds)


@dataclass
class _State:
    """What changes: the mails that are with the mailer, and until when a server that refuses us is left alone."""

    in_flight: set[asyncio.Task[None]] = field(default_factory=set)
    paused_until: datetime | None = None


@dataclass(frozen=True)
class Delivery:
    database: Database
    clock: Clock
    vault: Vault
    mailer: Mailer
    letters: Letters
    lease: Lease = Lease()
    _state: _State = field(default_factory=_State)

    async def deliver_due(self) -> int:
        """Tries every letter of one claim and returns how many there were: where it is not 0, more may be due.

        Raises Unavailable where nothing could be claimed.
        """
        claimed = {asyncio.create_task(self._deliver(letter)) for letter in await self._claim()}
        self._state.in_flight |= claimed
        if claimed:
            await asyncio.wait(claimed, timeout=self.lease.claim_waits)
        done = {task for task in self._state.in_flight if task.done()}
        self._state.in_flight -= done
        for fault in filter(None, [task.exception() for task in done]):
            raise fault
        return len(claimed)

    async def stop(self) -> None:
        """Cuts off what is still with the mailer; it goes out again when its claim lapses."""
        for task in self._state.in_flight:
            task.cancel()
        await asyncio.gather(*self._state.in_flight, return_exceptions=True)
        self._state.in_flight.clear()

    async def _claim(self) -> Sequence[QueuedLetter]:
        at, paused_until = self.clock.now(), self._state.paused_until
        if paused_until and at < paused_until:
            return []
        limit = 1 if paused_until else min(_CLAIMED_AT_ONCE, _MOST_IN_FLIGHT - len(self._state.in_flight))
        if limit < 1:
            return []
        async with self.database.autocommit() as connection:
            return await OutboxRows(connection).claim_due(at, until=self.lease.until(at), limit=limit)

    async def _deliver(self, letter: QueuedLetter) -> None:
        log = _log.bind(id=str(letter.id), letter=letter.letter, attempts=letter.attempts)
        try:
            if self.clock.now() >= letter.give_up_at:
                await self._bury(letter, log, "too late")
                return
            await self._try(letter, log)
        except Unavailable:
            # The claim lapses, and the letter is tried again then, even if it has left.
            log.warning("mail_outcome_not_noted")

    async def _try(self, letter: QueuedLetter, log: structlog.stdlib.BoundLogger) -> None:
        try:
            packed = self.vault.open(letter.sealed, owner=letter.account_id)
            occasion = unpack(packed, at=letter.created_at, times=letter.times)
            message = self.letters.write(Letter(letter.letter), occasion, id=letter.id)
        except SealBroken:
            await self._bury(letter, log, "sealed with a key that is gone")
            return
        except (ValueError, TypeError, LookupError, TemplateError) as error:
            # A letter of a newer release, for one: its own workers can write it.
            await self._put_off(letter, log, f"not written: {type(error).__name__}")
            return
        try:
            async with self._claim_renewed(letter):
                await self.mailer.send(message)
        except MailRefused as error:
            await self._bury(letter, log, str(error))
        except MailServerRefusesUs as error:
            self._state.paused_until = self.clock.now() + _PAUSE
            await self._put_off(letter, log, str(error))
        except MailDeferred as error:
            await self._put_off(letter, log, str(error))
        except MailDropped:
            await self._settle(letter, log, "mail_dropped")
        else:
            self._state.paused_until = None
            await self._settle(letter, log, "mail_sent")

    @asynccontextmanager
    async def _claim_renewed(self, letter: QueuedLetter) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._renew(letter))
        try:
            yield
        finally:
            renewing.cancel()

    async def _renew(self, letter: QueuedLetter) -> None:
        while True:
            await asyncio.sleep(self.lease.renewed_every)
            with suppress(Unavailable):
                async with self.database.autocommit() as connection:
                    await OutboxRows(connection).put_off(letter, until=self.lease.until(self.clock.now()))

    async def _settle(self, letter: QueuedLetter, log: structlog.stdlib.BoundLogger, outcome: str) -> None:
        async with self.database.autocommit() as connection:
            await OutboxRows(connection).mark_sent(letter.id, self.clock.now())
        log.info(outcome)

    async def _put_off(self, letter: QueuedLetter, log: structlog.stdlib.BoundLogger, reason: str) -> None:
        at = self.clock.now()
        wait = wait_before_retry(at - letter.created_at)
        async with self.database.autocommit() as connection:
            await OutboxRows(connection).put_off(letter, until=at + wait)
        log.warning("mail_deferred", reason=reason, wait_seconds=wait.total_seconds())

    async def _bury(self, letter: QueuedLetter, log: structlog.stdlib.BoundLogger, reason: str) -> None:
        async with self.database.autocommit() as connection:
            await OutboxRows(connection).bury(letter.id, self.clock.now())
        log.error("mail_given_up", reason=reason)
