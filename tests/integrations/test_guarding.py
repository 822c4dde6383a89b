"""The ten lines of docs/tutorials/guard-a-service.md that guard another service, run as they stand there."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from app.services import Services
from tests.conftest import SetClock
from tests.integrations.clients import a_client
from tests.integrations.pages import marked
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, a_session, an_account, bearer, enroll
from tests.support.service import environment, free_port, output_of, running, twokeys, wait_until_ready

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Guarded:
    """Somebody else's service, which asks us."""

    web: httpx.AsyncClient
    code: ModuleType

    async def get(self, path: str, token: str | None = None) -> httpx.Response:
        return await self.web.get(path, headers=bearer(token) if token else {})


@pytest.fixture
async def guarded(
    api: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Guarded]:
    client = await a_client(services)
    monkeypatch.setenv("TWOKEYS_URL", "http://twokeys.internal")
    monkeypatch.setenv("TWOKEYS_CLIENT_ID", client.id)
    monkeypatch.setenv("TWOKEYS_CLIENT_SECRET", client.secret)
    code = ModuleType("orders")
    # FastAPI looks annotations up by the module's name.
    monkeypatch.setitem(sys.modules, "orders", code)
    exec(marked("tutorials/guard-a-service.md", "guard"), code.__dict__)  # noqa: S102 - this is what is tested
    # The process behind its address is this one.
    code.twokeys._transport = api._transport
    async with httpx.AsyncClient(transport=httpx.ASGITransport(code.app), base_url="http://orders") as web:
        yield Guarded(web, code)


def seen(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_knows_who_calls(guarded: Guarded, api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    assert seen(await guarded.get("/orders", await a_session(api))) == {"orders_of": str(account.id)}


async def test_it_lets_nobody_in_without_a_live_token(
    guarded: Guarded, api: httpx.AsyncClient, services: Services
) -> None:
    await an_account(services)
    token = await a_session(api)
    seen(await guarded.get("/orders", token))
    await api.post("/v1/logout", headers=bearer(token))
    for dead in (token, None, "nonsense"):
        answer = await guarded.get("/orders", dead)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_it_asks_for_two_factors_where_it_wants(
    guarded: Guarded, api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    assert (await guarded.get("/refunds", token)).status_code == 403
    device = await enroll(api, token, clock.now())
    assert seen(await guarded.get("/refunds", device.token)) == {"refunds_by": EMAIL}


async def test_it_lets_nobody_in_when_we_are_away(guarded: Guarded, api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    token = await a_session(api)

    def away(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"Retry-After": "1"})

    guarded.code.twokeys._transport = httpx.MockTransport(away)
    assert (await guarded.get("/orders", token)).status_code == 503


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path that the embedded server's user can enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="twokeys-reader-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_a_reader_guards_a_service_of_their_own(home: Path) -> None:
    """The whole page, step by step, as somebody does it after `make run`."""
    port, orders_port = free_port(), free_port()
    with running("dev", "--port", str(port), env=environment(), cwd=home) as dev:
        wait_until_ready(f"http://127.0.0.1:{port}", dev, home)
        message = {name: printed(home, name) for name in ("Demo account", "Its password", "Database")}
        response = ("clients", "create", "orders", "--role", "introspect", "--json")
        made = twokeys(*response, env=environment(TWOKEYS_DATABASE_URL=message["Database"]), cwd=home)
        assert made.returncode == 0, made.stderr
        client = json.loads(made.stdout)

        (home / "orders.py").write_text(marked("tutorials/guard-a-service.md", "guard"))
        params = environment(TWOKEYS_URL=f"http://127.0.0.1:{port}", TWOKEYS_CLIENT_ID=client["client_id"])
        params |= {"TWOKEYS_CLIENT_SECRET": client["client_secret"]}
        command = [sys.executable, "-m", "uvicorn", "orders:app", "--port", str(orders_port)]
        with subprocess.Popen(command, cwd=home, env=params, stderr=subprocess.DEVNULL) as orders:
            try:
                body = {"email": message["Demo account"], "password": message["Its password"]}
                grant = httpx.post(f"http://127.0.0.1:{port}/v1/login", json=body, timeout=PATIENCE).json()
                transport = httpx.HTTPTransport(retries=20)
                with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{orders_port}") as web:
                    answer = web.get("/orders", headers=bearer(grant["access_token"]))
                    assert seen(answer) == {"orders_of": grant["account"]["id"]}
                    assert web.get("/refunds", headers=bearer(grant["access_token"])).status_code == 403
                    assert web.get("/orders").status_code == 401
            finally:
                orders.terminate()
        dev.send_signal(signal.SIGINT)
        assert dev.wait(PATIENCE) == 0, output_of(home)


def printed(home: Path, what: str) -> str:
    """What `dev` said beside these words."""
    found = re.search(rf"^ +{what} +(\S+)$", output_of(home), re.MULTILINE)
    assert found, output_of(home)
    return found[1]
