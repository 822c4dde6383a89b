"""How often the hot calls ask Postgres: each statement is there for a guarantee that some other test would miss."""

from datetime import timedelta

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from tests.conftest import SetClock
from tests.support.people import a_session, an_account, bearer, enroll, log_in, totp_code
from tests.support.statements import executed

pytestmark = pytest.mark.anyio


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
