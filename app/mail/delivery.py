"""From the outbox to the mail server: at least once, and twice only where a process died in between."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from jinja2 import TemplateError

from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.refusal import Unavailable
from app.mail.domain import Letter, OutboxState, QueuedLetter, unpack, wait_before_retry
from app.mail.mailer import MailDeferred, Mailer, MailRefused
from app.mail.rendering import Letters
from app.mail.repository import OutboxRows
from app.security.secret_box import SealBroken, Vault

# A mailer gives up after 10 s and all letters of a claim are sent at once, so no claim lapses under a living process.
_LEASE = timedelta(seconds=30)
_CLAIMED_AT_ONCE = 20

_log = structlog.get_logger("twokeys.mail")


async def outbox_state(connection: Connection, at: datetime) -> OutboxState:
    return await OutboxRows(connection).state(at)


@dataclass(frozen=True)
class Delivery:
    database: Database
    clock: Clock
    vault: Vault
    mailer: Mailer
    letters: Letters

    async def deliver_due(self) -> int:
        """Tries every letter of one claim and returns how many there were: where it is not 0, more may be due.

        Raises Unavailable where nothing could be claimed.
        """
        claimed = await self._claim()
        outcomes = await asyncio.gather(*map(self._deliver, claimed), return_exceptions=True)
        for fault in filter(None, outcomes):
            raise fault
        return len(claimed)

    async def _claim(self) -> Sequence[QueuedLetter]:
        at = self.clock.now()
        async with self.database.reading() as connection:
            return await OutboxRows(connection).claim_due(at, until=at + _LEASE, limit=_CLAIMED_AT_ONCE)

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
            occasion = unpack(self.vault.open(letter.sealed, owner=letter.account_id), at=letter.created_at)
            message = self.letters.write(Letter(letter.letter), occasion, id=letter.id)
        except SealBroken:
            await self._bury(letter, log, "sealed with a key that is gone")
            return
        except (ValueError, TypeError, LookupError, TemplateError) as error:
            # A letter of a newer release, for one: its own workers can write it.
            await self._put_off(letter, log, f"not written: {type(error).__name__}")
            return
        try:
            await self.mailer.send(message)
        except MailRefused as error:
            await self._bury(letter, log, str(error))
        except MailDeferred as error:
            await self._put_off(letter, log, str(error))
        else:
            async with self.database.reading() as connection:
                await OutboxRows(connection).mark_sent(letter.id, self.clock.now())
            log.info("mail_sent")

    async def _put_off(self, letter: QueuedLetter, log: structlog.stdlib.BoundLogger, reason: str) -> None:
        at = self.clock.now()
        wait = wait_before_retry(at - letter.created_at)
        async with self.database.reading() as connection:
            await OutboxRows(connection).put_off(letter, until=at + wait)
        log.warning("mail_deferred", reason=reason, wait_seconds=wait.total_seconds())

    async def _bury(self, letter: QueuedLetter, log: structlog.stdlib.BoundLogger, reason: str) -> None:
        async with self.database.reading() as connection:
            await OutboxRows(connection).bury(letter.id, self.clock.now())
        log.error("mail_given_up", reason=reason)
