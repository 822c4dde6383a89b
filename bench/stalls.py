"""How long the event loop stands still while people enroll: `python -m bench.stalls` prints milliseconds.

The second number is what it is at rest. In one process with the service, since only from within can a loop that stands
still be seen. `BENCH_DSN` names a seeded database.
"""

import asyncio
import os
import statistics
import sys
import time

import httpx
from pydantic import SecretStr

from app.main import create_app
from app.observability.logs import configure_logs
from app.server.server import SWITCH_SECONDS
from app.settings import Settings
from bench.seed import KEY, PASSWORD, token_of

ROUNDS = 30
_LOOK = 0.001
FIRST = 9_500
"""Accounts without a device; the token of the same number is their own."""


async def stalls(dsn: str) -> tuple[list[float], list[float]]:
    """The longest stall during each enrollment, and during as many moments of rest, in milliseconds."""
    settings = Settings(database_url=SecretStr(dsn), secret_keys=(SecretStr(KEY),), run_worker=False, log_level="error")
    configure_logs("error", as_json=True)
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings)
    longest = 0.0
    found: list[float] = []
    at_rest: list[float] = []

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_LOOK)
            longest = max(longest, time.perf_counter() - before - _LOOK)

    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://b") as client:
        watching = asyncio.create_task(watch())
        for number in range(FIRST, FIRST + ROUNDS):
            longest = 0.0
            await asyncio.sleep(0.05)
            at_rest.append(longest * 1000)
            longest = 0.0
            headers = {"Authorization": f"Bearer {token_of(number)}"}
            answer = await client.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=headers)
            assert answer.status_code == 201, answer.text
            found.append(longest * 1000)
        watching.cancel()
    return found, at_rest


if __name__ == "__main__":
    print(*(statistics.median(each) for each in asyncio.run(stalls(os.environ["BENCH_DSN"]))))
