"""How often the hot calls ask Postgres: each statement is there for a guarantee that some other test would miss."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from app.clients.domain import Role
from app.database import compiled
from app.database.driver import Record, ask_driver
from app.database.engine import Connection
from app.services import Services
from tests.conftest import SetClock
from tests.support.people import a_session, an_account, bearer, enroll, log_in, totp_code

pytestmark = pytest.mark.anyio


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


async def test_a_check_is_one_statement(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    client = await services.clients.create("gateway", [Role.INTROSPECT])
    basic = httpx.BasicAuth(str(client.client.id), client.secret.get_secret_value())
    with executed(services) as sent:
        answer = await api.post("/v1/introspect", data={"token": token}, auth=basic)
    assert answer.json()["active"] is True
    assert len(sent) == 1, sent


async def test_a_call_with_a_token_checks_it_by_one_statement(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)
    with executed(services) as sent:
        await api.get("/v1/forward-auth", headers=bearer(token))
    assert len(sent) == 1, sent


async def test_a_log_in_by_password_takes_five(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    with executed(services) as sent:
        await a_session(api)
    assert len(sent) == 5, sent


async def test_a_log_in_by_two_factors_takes_ten(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    clock.advance(timedelta(minutes=1))
    with executed(services) as sent:
        response = (await log_in(api)).json()
        proof = {"challenge": response["challenge"], "code": totp_code(device.secret, clock.now())}
        answer = await api.post("/v1/login/two-factor", json=proof)
    assert answer.status_code == 200
    assert len(sent) == 10, sent
