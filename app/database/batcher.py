"""One statement for all the questions of a kind that wait in one turn of the event loop (ADR 10).

The statement of a question begins after the question was asked, so its answer is as fresh as one of its own. What is
shared is the round trip to Postgres; there is no cache.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from app.database.engine import Connection, Database

Question = TypeVar("Question", bound=Hashable)
Found = TypeVar("Found")
Answer = TypeVar("Answer")

_MOST_AT_ONCE = 100
_STATEMENTS_AT_ONCE = 2


class Batcher(Generic[Question, Found, Answer]):
    """Collects questions and answers them together.

    An answer is found by its question and never by its place, so that nobody is given another's. Each asker reads what
    was found for it: a row that can't be read fails no request but its own.
    """

    def __init__(
        self,
        database: Database,
        find: Callable[[Connection, Sequence[Question]], Awaitable[Mapping[Question, Found]]],
        read: Callable[[Found], Answer],
        *,
        statements_at_once: int = _STATEMENTS_AT_ONCE,
    ) -> None:
        """`find` runs one statement; a question of which it says nothing has the answer None."""
        self._database = database
        self._find = find
        self._read = read
        self._statements_at_once = statements_at_once
        self._waiting: list[tuple[Question, asyncio.Future[Found | None]]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer | None:
        """Raises Unavailable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Found | None] = loop.create_future()
        self._waiting.append((question, answer))
        if len(self._waiting) == 1:
            self._begin()
        found = await answer
        return None if found is None else self._read(found)

    def _begin(self) -> None:
        """The task takes what waits when it starts: all that is asked in this turn of the event loop."""
        if self._waiting and len(self._running) < self._statements_at_once:
            task = asyncio.create_task(self._answer_waiting())
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._begin()

    async def _answer_waiting(self) -> None:
        together, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
        # More wait than one statement answers.
        self._begin()
        # Who has gone away needs no answer, and whoever asks the same gets the same.
        questions = list({question: None for question, future in together if not future.done()})
        if not questions:
            return
        try:
            async with self._database.autocommit() as connection:
                found = await self._find(connection, questions)
        except Exception as error:  # noqa: BLE001 - each asker raises it where it waits
            for _, future in together:
                if not future.done():
                    future.set_exception(error)
            return
        for question, future in together:
            if not future.done():
                future.set_result(found.get(question))
