"""Answers of introspection, kept for a while and dropped by the events that end them."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from twokeys_client.wire.models import ActiveToken
from twokeys_client.wire.types import Unset

EVENTS = ("account.epoch_turned", "token.revoked", "tokens.revoked")
"""The types of events that a webhook must subscribe to."""


class EpochCache:
    """`life` is how many seconds an answer is kept at most: what a lost event costs.

    Late, doubled and reordered events do no harm, since every answer is compared with them when it is used. Each
    process has a cache of its own, so each must be told of each event.
    """

    def __init__(self, life: float = 30.0, *, most: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._life, self._most = life, most
        self._answers: OrderedDict[bytes, tuple[float, float, ActiveToken]] = OrderedDict()
        # Each with the time at which it was heard: what was asked before is kept no longer than `life`.
        self._epochs: dict[UUID, tuple[float, float]] = {}
        self._revoked: dict[UUID, float] = {}
        self._cleared_at = -math.inf

    def find(self, key: bytes) -> ActiveToken | None:
        """None where nothing is kept, or not any more."""
        if key not in self._answers:
            return None
        asked_at, until, answer = self._answers[key]
        if self.clock() < until and self.lives(answer, asked_at):
            return answer
        del self._answers[key]
        return None

    def keep(self, key: bytes, answer: ActiveToken, asked_at: float) -> None:
        left = self._life if isinstance(answer.exp, Unset) else min(self._life, answer.exp - time.time())
        self._answers[key] = asked_at, asked_at + left, answer
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)

    def lives(self, answer: ActiveToken, asked_at: float) -> bool:
        """Whether no event has ended it, also for an answer that comes later than the event."""
        return (
            asked_at > self._cleared_at
            and answer.jti not in self._revoked
            and answer.epoch >= self._epochs.get(answer.sub, (0, 0))[0]
        )

    def apply(self, event: Mapping[str, Any]) -> None:
        """Takes a webhook's payload, once it is verified."""
        now = self.clock()
        self._epochs = {id: (epoch, at) for id, (epoch, at) in self._epochs.items() if now - at <= self._life}
        self._revoked = {id: at for id, at in self._revoked.items() if now - at <= self._life}
        match event["type"], event["data"]["details"]:
            case "token.revoked", {"token_id": str(id)}:
                self._revoked[UUID(id)] = now
            case "tokens.revoked", {"token_ids": list(ids)}:
                self._revoked |= dict.fromkeys(map(UUID, ids), now)
            case "account.epoch_turned", {"account_id": None}:
                self._cleared_at = now
            case "account.epoch_turned", {"account_id": str(account), "epoch": epoch}:
                known, _ = self._epochs.get(UUID(account), (0, now))
                self._epochs[UUID(account)] = max(known, math.inf if epoch is None else epoch), now
