"""A service whose webhooks may go to this machine, at the present time: verifiers look at the clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from app.clients.domain import Role
from app.kernel.clock import SystemClock
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted
from tests.support.marks import PATIENCE
from tests.support.people import a_client
from tests.support.receiving import Received, Receiver


@pytest.fixture
def clock() -> SetClock:
    return SetClock(SystemClock().now())


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"webhook_insecure": True, "webhook_private_networks": True}


@pytest.fixture
async def operator(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.ADMIN)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as found:
        yield found


Subscribe = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def subscribe(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> Subscribe:
    async def one(receiver: Receiver, *types: str) -> dict[str, Any]:
        """The webhook, with its secret."""
        body = {"url": receiver.url, "types": list(types) or ["*"]}
        answer = await api.post("/v1/admin/webhooks", json=body, auth=operator)
        return granted(answer, 201)

    return one


async def deliver(services: Services, receiver: Receiver, count: int) -> list[Received]:
    """What has arrived once so much has; transactions of other tests may hold the log back for a moment."""
    async with asyncio.timeout(PATIENCE):
        while len(receiver.received) < count:
            await services.webhook_delivery.deliver_due()
    await idle(services)
    return receiver.received


async def idle(services: Services) -> None:
    """Delivers until nothing more is due."""
    async with asyncio.timeout(PATIENCE):
        while await services.webhook_delivery.deliver_due():
            pass


def verified(received: Received, secret: str) -> Any:
    """Read by the library that receivers use. Raises WebhookVerificationError."""
    return Webhook(secret).verify(received.body, received.headers)
