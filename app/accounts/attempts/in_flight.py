"""Attempts of this process that are not decided yet.

An attempt counts as wrong until it turns out to be right, so many right ones at once look like too many wrong ones for
a moment. An attempt that is refused while others are in flight waits for one of them to end, and tries again.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Queue:
    inside: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def in_flight(self) -> int:
        return self.inside - len(self.waiting)

    def wake_one(self) -> None:
        """An attempt that is woken wakes the next one when it ends."""
        while self.waiting:
            ended = self.waiting.popleft()
            if not ended.done():
                ended.set_result(None)
                return


class InFlight:
    def __init__(self) -> None:
        self._queues: defaultdict[Hashable, _Queue] = defaultdict(_Queue)

    @contextmanager
    def track(self, key: Hashable) -> Iterator[None]:
        """Around an attempt, from before it is counted until it is decided."""
        queue = self._queues[key]
        queue.inside += 1
        try:
            yield
        finally:
            queue.inside -= 1
            queue.wake_one()
            if not queue.inside:
                self._queues.pop(key, None)

    async def another_ended(self, key: Hashable) -> bool:
        """Waits, from within `track`, until another attempt of this key has ended; False where none is in flight."""
        queue = self._queues[key]
        if queue.in_flight <= 1:
            return False
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.waiting.append(ended)
        try:
            await ended
        finally:
            if ended in queue.waiting:
                queue.waiting.remove(ended)
        return True
