"""The background loops: writing uses of tokens, sending mail and webhooks, removing what is old."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from app.accounts.foreign.service import ForeignPasswords
from app.admin.service import Admin
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.email_change.service import EmailChange
from app.kernel.clock import Clock
from app.kernel.refusal import Unavailable
from app.mail.delivery import Delivery, outbox_state
from app.observability.metrics import Gauge
from app.password_reset.service import PasswordReset
from app.two_factor.clearing.service import TwoFactorClearing
from app.webhooks.delivery import WebhookDelivery

_NOTE_USES_SECONDS = 1.0
_MAIL_SECONDS = 1.0
_WEBHOOK_SECONDS = 0.5
_WEBHOOK_PAUSE_SECONDS = 0.1
_FULL_ROUND = 50
_REMIND_SECONDS = 1.0
_ANNOUNCE_SECONDS = 60.0
_SWEEP_SECONDS = 60.0
_MEASURE_SECONDS = 60.0
_STOP_SECONDS = 3.0

_log = structlog.get_logger("twokeys.worker")
_outbox_pending = Gauge("twokeys_outbox_pending", "Mails that wait to be sent.", multiprocess_mode="mostrecent")
_outbox_age = Gauge("twokeys_outbox_oldest_seconds", "Age of the oldest waiting mail.", multiprocess_mode="mostrecent")
_outbox_dead = Gauge("twokeys_outbox_dead", "Mails that were given up.", multiprocess_mode="mostrecent")
_pool_in_use = Gauge("twokeys_pool_in_use", "Database connections in use.", multiprocess_mode="livesum")


Work = Callable[[], Awaitable[object]]
Sweep = Callable[[Connection, datetime], Awaitable[None]]


@dataclass(frozen=True)
class Worker:
    database: Database
    clock: Clock
    foreign: ForeignPasswords
    password_reset: PasswordReset
    clearing: TwoFactorClearing
    email_change: EmailChange
    delivery: Delivery
    webhook_delivery: WebhookDelivery
    audit_log: AuditLog
    uses: Sequence[Work]
    """One of each module that writes uses a moment later."""
    announcements: Sequence[Work]
    """One of each module that mails what time alone makes due."""
    admin: Admin
    sweeps: Sequence[Sweep]
    """One of each module that keeps what ends."""

    @asynccontextmanager
    async def running(self, *, with_worker: bool) -> AsyncIterator[None]:
        """The loops of one process; at the end the last uses are written."""
        stopping = asyncio.Event()
        # Before the first request, so that an unknown address costs what a known one costs from the start.
        await self._survive(self.foreign.measure)
        loops = [
            asyncio.create_task(self._every(_NOTE_USES_SECONDS, self._note_uses, stopping)),
            asyncio.create_task(self._every(_MEASURE_SECONDS, self.foreign.measure, stopping)),
        ]
        if with_worker:
            loops.append(asyncio.create_task(self.work(stopping)))
        try:
            yield
        finally:
            stopping.set()
            # A mail server that hangs must not hold up the end: a mail cut off goes out again after its lease.
            _, late = await asyncio.wait(loops, timeout=_STOP_SECONDS)
            for loop in late:
                loop.cancel()
            await self.stop_sending()
            await self._note_uses()

    async def work(self, stopping: asyncio.Event) -> None:
        """Mail, webhooks, reminders, announcements, sweeping and counting, until told to stop."""
        await asyncio.gather(
            self._every(_MAIL_SECONDS, partial(self.send_mail, stopping), stopping),
            self._every(_WEBHOOK_SECONDS, partial(self.send_webhooks, stopping), stopping),
            self._every(_REMIND_SECONDS, self.clearing.send_reminders, stopping),
            self._every(_ANNOUNCE_SECONDS, self.announce, stopping),
            self._every(_SWEEP_SECONDS, self.sweep, stopping),
            self._every(_MEASURE_SECONDS, self.measure, stopping),
        )

    async def stop_sending(self) -> None:
        """Cuts off what is still in flight; it goes out again later."""
        await self.delivery.stop()
        await self.webhook_delivery.stop()

    async def send_mail(self, stopping: asyncio.Event | None = None) -> None:
        """Everything that is due now, or what can be done of it until told to stop."""
        goes_on = True
        while goes_on and not (stopping and stopping.is_set()):
            answered = await self.password_reset.answer_requests() + await self.email_change.answer_requests()
            goes_on = bool(await self.delivery.deliver_due() or answered)
        async with self.database.autocommit() as connection:
            outbox = await outbox_state(connection, self.clock.now())
        _outbox_pending.set(outbox.pending)
        _outbox_age.set(outbox.oldest_age_seconds)
        _outbox_dead.set(outbox.dead)

    async def send_webhooks(self, stopping: asyncio.Event) -> None:
        """What happened and what is due, as long as there is more of it."""
        while not stopping.is_set() and (moved := await self.webhook_delivery.deliver_due()):
            if moved < _FULL_ROUND and not self.webhook_delivery.is_waiting:
                # A round is a dozen statements, for one event as for a hundred, and log-ins need that CPU.
                await asyncio.sleep(_WEBHOOK_PAUSE_SECONDS)

    async def measure(self) -> None:
        """What is read for the metrics alone."""
        await self._survive(self.admin.measure_coverage)
        async with self.database.autocommit() as connection:
            await self.audit_log.measure_tail(connection, self.clock.now())

    async def announce(self) -> None:
        for announce in self.announcements:
            await self._survive(announce)

    async def sweep(self) -> None:
        """Removes what has ended and no longer counts for anything; a module that can't holds up no other."""
        for sweep in self.sweeps:
            await self._survive(partial(self._sweep, sweep))

    async def _sweep(self, sweep: Sweep) -> None:
        async with self.database.autocommit() as connection:
            await sweep(connection, self.clock.now())

    async def _note_uses(self) -> None:
        _pool_in_use.set(self.database.pool_in_use())
        for note in self.uses:
            await self._survive(note)

    async def _every(self, seconds: float, work: Work, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._survive(work)
            try:
                await asyncio.wait_for(stopping.wait(), seconds)
            except TimeoutError:
                continue

    @staticmethod
    async def _survive(work: Work) -> None:
        """A fault in one round must not end the loop: the next round tries again."""
        try:
            await work()
        except Unavailable:
            _log.warning("database_unavailable", work=getattr(work, "__name__", "send_mail"))
        except Exception:  # noqa: BLE001 - whatever it was, the next round tries again
            _log.exception("worker_round_failed", work=getattr(work, "__name__", "send_mail"))
