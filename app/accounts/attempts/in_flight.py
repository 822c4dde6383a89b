"""Attempts of this process that are not decided yet.

An attempt counts as wrong until it turns out to be right, so many right ones at once look like too many wrong ones for
a moment. Whoever is refused while others are under way waits for one of them to end, and asks again.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class _Lane:
    inside: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def under_way(self) -> int:
        return self.inside - len(self.waiting)

    def wake_one(self) -> None:
        """Whoever is woken wakes the next in turn, at its own end."""
        while self.waiting:
            ended = self.waiting.popleft()
            if not ended.done():
                ended.set_result(None)
                return


class UnderWay:
    def __init__(self) -> None:
        self._lanes: defaultdict[Hashable, _Lane] = defaultdict(_Lane)

    @contextmanager
    def one(self, key: Hashable) -> Iterator[None]:
        """Around an attempt, from before it is counted until it is decided."""
        lane = self._lanes[key]
        lane.inside += 1
        try:
            yield
        finally:
            lane.inside -= 1
            lane.wake_one()
            if not lane.inside:
                self._lanes.pop(key, None)

    async def another_ended(self, key: Hashable) -> bool:
        """Waits, from within `one`, until another attempt of this key has ended; False where none is under way."""
        lane = self._lanes[key]
        if lane.under_way <= 1:
            return False
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiting.append(ended)
        try:
            await ended
        finally:
            if ended in lane.waiting:
                lane.waiting.remove(ended)
        return True
