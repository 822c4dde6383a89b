"""The receivers of docs/how-to/webhooks.md and the cache of docs/how-to/clients.md, run as they stand there."""

import asyncio
import base64
import hmac
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.kernel.clock import SystemClock
from app.services import Services
from app.webhooks.domain import DeliveryStatus
from tests.conftest import SetClock
from tests.integrations.clients import a_client
from tests.integrations.pages import marked
from tests.support.marks import PATIENCE, missing
from tests.support.people import PASSWORD, a_session, an_account, an_operator, bearer
from tests.support.receiving import Received, Receiver
from tests.support.service import free_port

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> SetClock:
    return SetClock(SystemClock().now())


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"webhook_insecure": True, "webhook_private_networks": True}


async def subscribe(services: Services, url: str, *types: str) -> tuple[UUID, str]:
    """Returns the webhook's id and its secret."""
    webhook, secret = await services.webhooks.create(url, types, None, an_operator(services))
    return webhook.id, secret.get_secret_value()


@contextmanager
def listening(command: list[str], port: int, secret: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    env = os.environ | {"TWOKEYS_WEBHOOK_SECRET": secret, "PORT": str(port)}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _fastapi(folder: Path, port: int) -> list[str]:
    (folder / "receiver.py").write_text(marked("how-to/webhooks.md", "fastapi receiver"))
    return [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port), "--log-level", "critical"]


def _node(folder: Path, _: int) -> list[str]:
    if shutil.which("node") is None:
        pytest.skip(missing("node"))
    (folder / "receiver.mjs").write_text(marked("how-to/webhooks.md", "node receiver"))
    return ["node", "receiver.mjs"]


@pytest.mark.parametrize("write", [_fastapi, _node])
async def test_a_receiver_takes_what_we_signed_and_nothing_else(
    api: httpx.AsyncClient, services: Services, tmp_path: Path, write: Callable[[Path, int], list[str]]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hooks"
    webhook_id, secret = await subscribe(services, url, "account.created")
    account = await an_account(services)
    with listening(write(tmp_path, port), port, secret, tmp_path) as process:
        await until_open(port)
        async with asyncio.timeout(PATIENCE):
            while not await is_delivered(services, webhook_id):
                await services.webhook_delivery.deliver_due()
        async with httpx.AsyncClient(timeout=PATIENCE) as stranger:
            for headers in ({}, forged(secret, int(time.time()) - 600), forged("whsec_AAAA", int(time.time()))):
                assert (await stranger.post(url, content=b"{}", headers=headers)).status_code == 400
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == f"account.created {account.id}\n"


async def is_delivered(services: Services, webhook_id: UUID) -> bool:
    found = await services.webhooks.deliveries(webhook_id, after=None, limit=1)
    return [each.status for each in found.items] == [DeliveryStatus.DELIVERED]


async def until_open(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def forged(secret: str, at: int) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"1.{at}.{{}}".encode(), "sha256")).decode()
    return {"webhook-id": "1", "webhook-timestamp": str(at), "webhook-signature": f"v1,{signature}"}


class Shop:
    """Somebody else's service, which keeps answers of introspection. Its deliveries arrive when the test says so."""

    def __init__(self, code: ModuleType, web: httpx.AsyncClient, services: Services, receiver: Receiver) -> None:
        self.code, self._web, self._services, self._receiver = code, web, services, receiver
        self._taken = 0

    async def lets_in(self, token: str) -> bool:
        answer = await self._web.get("/orders", headers=bearer(token))
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    async def under_way(self, count: int) -> list[Received]:
        """What we sent since the last time."""
        async with asyncio.timeout(PATIENCE):
            while len(self._receiver.received) < self._taken + count:
                await self._services.webhook_delivery.deliver_due()
        found = self._receiver.received[self._taken :]
        self._taken += len(found)
        return found

    async def told(self, *deliveries: Received) -> None:
        for each in deliveries:
            names = ("webhook-id", "webhook-timestamp", "webhook-signature")
            headers = {name: each.headers[name] for name in names}
            assert (await self._web.post("/hooks", content=each.body, headers=headers)).status_code == 204


@pytest.fixture
async def shop(
    api: httpx.AsyncClient,
    services: Services,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
    python_package: Path,
) -> AsyncIterator[Shop]:
    monkeypatch.syspath_prepend(python_package)
    # What the package needs and this environment does not have.
    packages = python_package / ".venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    client = await a_client(services)
    async with Receiver().running() as receiver:
        _, secret = await subscribe(services, receiver.url, "account.epoch_turned", "token.*", "tokens.revoked")
        monkeypatch.setenv("TWOKEYS_URL", "http://twokeys")
        monkeypatch.setenv("TWOKEYS_CLIENT_ID", client.id)
        monkeypatch.setenv("TWOKEYS_CLIENT_SECRET", client.secret)
        monkeypatch.setenv("TWOKEYS_WEBHOOK_SECRET", secret)
        code = ModuleType("shop")
        monkeypatch.setitem(sys.modules, "shop", code)
        exec(marked("how-to/clients.md", "cache"), code.__dict__)  # noqa: S102 - this is what is tested
        code.twokeys.client.get_async_httpx_client()._transport = api._transport
        code.cache.clock = lambda: clock.now().timestamp()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(code.app), base_url="http://shop") as web:
            yield Shop(code, web, services, receiver)


async def test_a_kept_answer_is_dropped_by_its_event(api: httpx.AsyncClient, services: Services, shop: Shop) -> None:
    await an_account(services)
    left, kept = await a_session(api), await a_session(api)
    assert await shop.lets_in(left)
    assert await shop.lets_in(kept)
    await api.post("/v1/logout", headers=bearer(left))
    assert await shop.lets_in(left)
    await shop.told(*await shop.under_way(1))
    assert not await shop.lets_in(left)
    assert await shop.lets_in(kept)
    await api.post("/v1/me/tokens/revoke-all", json={"keep_current": False}, headers=bearer(kept))
    await shop.told(*await shop.under_way(2))
    assert not await shop.lets_in(kept)
    assert await shop.lets_in(await a_session(api))


async def test_doubled_and_reordered_events_do_no_harm(api: httpx.AsyncClient, services: Services, shop: Shop) -> None:
    account = await an_account(services)
    tokens = []
    for _ in range(2):
        tokens.append(await a_session(api))
        assert await shop.lets_in(tokens[-1])
        await services.access.revoke_tokens(account.id, "Asked for it.", an_operator(services))
    events = await shop.under_way(4)
    await shop.told(*reversed(events), *events, *events)
    for token in tokens:
        assert not await shop.lets_in(token)
    assert await shop.lets_in(await a_session(api))


async def test_without_its_event_an_answer_lives_no_longer_than_the_limit(
    api: httpx.AsyncClient, services: Services, clock: SetClock, shop: Shop
) -> None:
    await an_account(services)
    token = await a_session(api)
    assert await shop.lets_in(token)
    change = {"current_password": PASSWORD, "new_password": "walnut-harbour-sixteen-kites"}
    await api.post("/v1/me/password", json=change, headers=bearer(token))
    assert await shop.lets_in(token)
    shop.code.cache.clock = lambda: clock.now().timestamp() + 30
    assert not await shop.lets_in(token)
