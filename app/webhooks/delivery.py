"""From the log to the receivers: at least once, in order for each account, and none waits for another."""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from app.audit.domain import EventType, turn_id
from app.audit.service import AuditLog
from app.database.engine import Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import Unavailable
from app.kernel.request_context import RequestContext
from app.observability.metrics import Counter
from app.security.secret_box import SealBroken, SecretBox
from app.webhooks.domain import TEST, Claim, DeliveryStatus, Outcome, body_of, headers_of, wait_after, wants
from app.webhooks.repository import DeliveryRows, QueueRows, WebhookRows
from app.webhooks.sender import NotSent, Sender

_TOLD_AT_ONCE = 1000
# To each webhook. A slow receiver fills its own part and no other's.
_MOST_IN_FLIGHT = 128
# Longer than an attempt takes. The process that made a claim may die; then another one goes on when it has lapsed.
_CLAIM_LASTS = timedelta(seconds=30)
# What has waited this long for a receiver that is away is given up, lest it wait for ever.
_GIVEN_UP_AFTER = timedelta(days=30)
_LOOKED_UP_SECONDS = 0.5
# This long after the first attempt of a round has ended, those that ended with it are noted together.
_GATHERED_SECONDS = 0.01
_GONE = 410

_log = structlog.get_logger("twokeys.webhooks")
_attempts = Counter("twokeys_webhook_attempts", "Attempts to deliver to webhooks.", ("outcome",))


@dataclass(frozen=True)
class WebhookDelivery:
    database: Database
    clock: Clock
    secret_box: SecretBox
    sender: Sender
    audit_log: AuditLog
    _in_flight: dict[asyncio.Task[Outcome], UUID] = field(default_factory=dict)
    """What is with a receiver, and of which webhook it is."""

    async def deliver_due(self) -> int:
        """Queues what happened and sends what is due. Returns how much that was: where it is not 0, there may be more.

        Nobody waits for a slow receiver. Raises Unavailable.
        """
        told = await self._tell()
        claims = await self._claim()
        for claim in claims:
            self._in_flight[asyncio.create_task(self._deliver(claim))] = claim.webhook_id
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=_LOOKED_UP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(_GATHERED_SECONDS)
        done = self._take_done()
        await self._settle([task.result() for task in done if not task.exception()])
        for fault in filter(None, [task.exception() for task in done]):
            raise fault
        return told + len(claims) + len(done)

    @property
    def is_waiting(self) -> bool:
        """Whether a receiver has not answered yet."""
        return bool(self._in_flight)

    def _take_done(self) -> Sequence[asyncio.Task[Outcome]]:
        done = [task for task in self._in_flight if task.done()]
        for task in done:
            del self._in_flight[task]
        return done

    async def stop(self) -> None:
        """Cuts off what is with a receiver; it goes out again when its claim has lapsed."""
        done = self._take_done()
        for task in self._in_flight:
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        self._in_flight.clear()
        await self._settle([task.result() for task in done if not task.exception()])

    async def _tell(self) -> int:
        """Queues for each webhook what it has not been told of. Returns how many events were looked at."""
        async with self.database.autocommit() as connection:
            behind = await QueueRows(connection).behind()
        return sum([await self._tell_one(webhook_id) for webhook_id in behind])

    async def _tell_one(self, webhook_id: UUID) -> int:
        """What is queued and how far it was told are one transaction: nothing is queued twice, and nothing left out."""
        async with self.database.transaction() as connection:
            queue = QueueRows(connection)
            telling = await queue.lock(webhook_id)
            if telling is None:
                return 0
            news = await queue.news(webhook_id, telling.position, limit=_TOLD_AT_ONCE)
            rows = []
            for each in news if telling.types else ():
                told = [(each.id, each.type)]
                if each.turns_epoch:
                    told.append((turn_id(each.id), EventType.ACCOUNT_EPOCH_TURNED.value))
                rows += [
                    {
                        "id": new_id(),
                        "lane": each.account_id or event_id,
                        "event_id": event_id,
                        "logged_event_id": each.id,
                        "type": type,
                    }
                    for event_id, type in told
                    if each.after_enabling and wants(telling.types, type)
                ]
            await queue.add(webhook_id, rows, self.clock.now())
            if news:
                await queue.note_told(webhook_id, news[-1].position)
        return len(news)

    async def _claim(self) -> Sequence[Claim]:
        at = self.clock.now()
        async with self.database.autocommit() as connection:
            return await DeliveryRows(connection).claim_due(
                at, until=at + _CLAIM_LASTS, most=_MOST_IN_FLIGHT, in_flight=Tally(self._in_flight.values())
            )

    async def _deliver(self, claim: Claim) -> Outcome:
        log = _log.bind(webhook_id=str(claim.webhook_id), delivery_id=str(claim.delivery_id), type=claim.type)
        if self._is_out_of_date(claim):
            log.warning("webhook_given_up", reason="too old")
            return Outcome(claim, DeliveryStatus.FAILED)
        return await self._attempt(claim, log)

    def _is_out_of_date(self, claim: Claim) -> bool:
        swept = claim.event is None and claim.type != TEST
        return swept or self.clock.now() - claim.created_at > _GIVEN_UP_AFTER

    async def _attempt(self, claim: Claim, log: structlog.typing.FilteringBoundLogger) -> Outcome:
        try:
            status = await self._send(claim)
        except (NotSent, SealBroken) as error:
            status, reason = 0, str(error)
        else:
            reason = f"status {status}"
        if 200 <= status < 300:  # noqa: PLR2004 - a success, and nothing else (RFC 9110 §15.3)
            _attempts.labels("delivered").inc()
            log.info("webhook_delivered", attempts=claim.attempts + 1)
            return Outcome(claim, DeliveryStatus.DELIVERED)
        _attempts.labels("refused" if status else "unreachable").inc()
        wait = None if status == _GONE else wait_after(claim.attempts + 1)
        if status == _GONE:
            await self._disable(claim)
        log.warning("webhook_deferred" if wait else "webhook_given_up", reason=reason, attempts=claim.attempts + 1)
        return Outcome(claim, DeliveryStatus.PENDING if wait else DeliveryStatus.FAILED, wait)

    async def _send(self, claim: Claim) -> int:
        """Raises NotSent, SealBroken."""
        keys = [self.secret_box.open(sealed, owner=claim.webhook_id) for sealed in claim.sealed_secrets]
        body = body_of(claim)
        return await self.sender.post(claim.url, headers_of(claim, body, keys, self.clock.now()), body)

    async def _disable(self, claim: Claim) -> None:
        """The receiver says that it wants nothing any more."""
        async with self.database.transaction() as connection:
            if await WebhookRows(connection).disable(claim.webhook_id):
                await self.audit_log.record(
                    connection,
                    EventType.WEBHOOK_DISABLED,
                    RequestContext(self.clock.now()),
                    account_id=None,
                    webhook_id=str(claim.webhook_id),
                    reason="gone",
                )

    async def _settle(self, outcomes: Sequence[Outcome]) -> None:
        """Where the database is away, the claims lapse: what was sent is sent again then, even if it has arrived."""
        if not outcomes:
            return
        try:
            at = self.clock.now()
            async with self.database.transaction() as connection:
                rows = DeliveryRows(connection)
                mine = await rows.lock_claimed(outcomes)
                await rows.note_attempts(mine, at)
                await rows.release(mine, at)
        except Unavailable:
            _log.warning("webhook_outcomes_not_noted", count=len(outcomes))
