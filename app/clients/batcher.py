"""One statement for all the introspections that wait in one turn of the event loop.

The statement of a request begins after the request came in, so its result is as fresh as one of its own. What is shared
is the round trip to Postgres; there is no cache.
"""

import asyncio
from collections.abc import Sequence

from app.clients.domain import IntrospectionRequest, IntrospectionResult
from app.clients.repository import Introspections
from app.database.engine import Database
from app.kernel.clock import Clock
from app.tokens.domain import LifeRules

_MOST_AT_ONCE = 100
_STATEMENTS_AT_ONCE = 2


class IntrospectionBatcher:
    """Collects requests and answers them together."""

    def __init__(self, database: Database, clock: Clock, rules: LifeRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._waiting: list[tuple[IntrospectionRequest, asyncio.Future[IntrospectionResult]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, request: IntrospectionRequest) -> IntrospectionResult:
        """Raises Unavailable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[IntrospectionResult] = loop.create_future()
        self._waiting.append((request, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._begin)
        return await answer

    def _begin(self) -> None:
        while self._waiting and len(self._running) < _STATEMENTS_AT_ONCE:
            together, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            task = asyncio.create_task(self._answer(together))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._begin()

    async def _answer(
        self, together: Sequence[tuple[IntrospectionRequest, asyncio.Future[IntrospectionResult]]]
    ) -> None:
        try:
            async with self._database.autocommit() as connection:
                rows = Introspections(connection, self._rules)
                answers = await rows.answer([request for request, _ in together], self._clock.now())
        except Exception as error:  # noqa: BLE001 - each asker raises it where it waits
            for _, future in together:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(together, answers, strict=True):
            if not future.done():
                future.set_result(result)
