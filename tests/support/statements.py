"""What a call sends to Postgres, and how Postgres would go about it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event

from app.database import compiled
from app.database.driver import Record, ask_driver
from app.database.engine import Connection
from app.services import Services

# Set in the task of the test and of its requests, not in the loops beside them, whose statements fall at any time.
_counting = ContextVar("counting", default=False)


@contextmanager
def executed(services: Services) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """What is sent within the block, with its parameters; BEGIN and COMMIT are no statements."""
    sent: list[tuple[str, tuple[Any, ...]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: tuple[Any, ...], *_: Any) -> None:
        if _counting.get():
            sent.append((statement, parameters))

    async def ask(connection: Connection, statement: str, params: Sequence[Any]) -> Sequence[Record]:
        if _counting.get():
            sent.append((statement, tuple(params)))
        return await ask_driver(connection, statement, params)

    engine = services.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    counting = _counting.set(True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "ask_driver", ask)
            yield sent
    finally:
        _counting.reset(counting)
        event.remove(engine, "before_cursor_execute", note)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


async def plan_of(connection: asyncpg.Connection, statement: str, params: tuple[Any, ...]) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *params))[0][
        "Plan"
    ]
    return plan
