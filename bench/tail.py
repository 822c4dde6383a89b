"""How late the tail of events and webhooks are at so many events a second: `python -m bench.tail [--rate 1000]`.

Lag is from `occurred_at`, which is just before the commit, to the line of `twokeys events follow`, or to the receiver.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from app.kernel.clock import SystemClock, read_rfc3339
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.services import Services, build_services
from app.settings import Settings
from app.webhooks.domain import WebhookChange
from bench import server
from bench.seed import KEY, TOKENS_EACH, account_id, seed
from bench.server import READY_WITHIN, free_port, own_environment

Made = TypeVar("Made")

RATE = 1000
_ACCOUNTS = 10_000
_TICK = 0.01
_WARM_SECONDS, _LATEST_SECONDS = 1.0, 10.0
_TYPE = "token.created"
_WRITE = f"""
    INSERT INTO events (id, account_id, type, occurred_at, details)
    SELECT id, account_id, '{_TYPE}', $3, '{{"kind": "session"}}' FROM unnest($1::uuid[], $2::uuid[]) AS new (id, account_id)
"""  # noqa: S608, E501


@dataclass(frozen=True)
class Lag:
    """In seconds."""

    p50: float
    p99: float
    missing: int


class _Receiver(asyncio.Protocol):
    """Answers each POST with 204 and prints how old its event was; the bench's own process does better things."""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, _, body = self._data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if not body or len(body) < length:
            return
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        self._transport.close()
        print(f"{time.time():.3f} {body.decode()}")


async def _receive(port: int) -> None:
    receiver = await asyncio.get_running_loop().create_server(_Receiver, "127.0.0.1", port)
    async with receiver:
        await receiver.serve_forever()


async def _write(url: str, rate: int, seconds: float) -> set[str]:
    """The ids of what was written after the first second."""
    connection = await asyncpg.connect(url)
    each, began, written = max(1, round(rate * _TICK)), time.monotonic(), 0
    counted: set[str] = set()
    while (passed := time.monotonic() - began) < seconds + _WARM_SECONDS:
        if written > passed * rate:
            await asyncio.sleep(_TICK)
            continue
        ids = [new_id() for _ in range(each)]
        accounts = [account_id((written + number) * 7919 % _ACCOUNTS) for number in range(each)]
        await connection.execute(_WRITE, ids, accounts, datetime.now(UTC))
        written += each
        if passed > _WARM_SECONDS:
            counted |= {str(id) for id in ids}
    await connection.close()
    return counted


def _lag(file: Path, wanted: set[str], *, followed: bool) -> Lag:
    lags = []
    for line in file.read_text().splitlines():
        arrived, _, text = line.partition(" ")
        event = json.loads(text)
        id, at = (event["id"], event["occurred_at"]) if followed else (event["data"]["event_id"], event["timestamp"])
        if id in wanted:
            lags.append(float(arrived) - read_rfc3339(at).timestamp())
    # What has not come when the bench goes on is later than all that has.
    ranked = sorted(lags) + [float("inf")] * (len(wanted) - len(lags))
    return Lag(statistics.median(ranked), ranked[len(ranked) * 99 // 100], len(wanted) - len(lags))


@dataclass
class Tail:
    """One webhook for everything, off at first, and its receiver in a process of its own."""

    url: str
    folder: Path
    webhook_id: UUID
    received: Path

    def listen(self, *, wanted: bool) -> None:
        async def change(services: Services) -> None:
            await services.webhooks.change(self.webhook_id, WebhookChange(enabled=wanted), _context())

        asyncio.run(_with_services(self.url, change))

    def lags(self, rate: int, seconds: float) -> tuple[Lag, Lag]:
        """Of `events follow`, and of the webhook."""
        followed = self.folder / "followed.txt"
        command = [sys.executable, "-c", _STAMP, sys.executable, "-m", "app", "events", "follow"]
        self.listen(wanted=True)
        with followed.open("w") as output, _running(command, own_environment(self.url), self.folder, output):
            self._until_both_read(followed)
            wanted = asyncio.run(_write(self.url, rate, seconds))
            self._until_arrived(wanted, followed)
        self.listen(wanted=False)
        return _lag(followed, wanted, followed=True), _lag(self.received, wanted, followed=False)

    def _until_both_read(self, followed: Path) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not (followed.stat().st_size and self.received.stat().st_size):
            if time.monotonic() > deadline:
                raise RuntimeError("neither the follower nor the receiver may be silent")
            asyncio.run(_write(self.url, 1, 0))

    def _until_arrived(self, wanted: set[str], followed: Path) -> None:
        last = max(wanted)
        deadline = time.monotonic() + _LATEST_SECONDS
        while time.monotonic() < deadline:
            if all(last in file.read_text() for file in (followed, self.received)):
                break
            time.sleep(0.2)
        # The last one written need not be the last to arrive.
        time.sleep(0.5)


_STAMP = """
import signal, subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
for line in child.stdout:
    print(f"{time.time():.3f} {line}", end="", flush=True)
"""


def _context() -> RequestContext:
    return RequestContext(datetime.now(UTC))


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], folder: Path, output: IO[str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def _with_services(url: str, act: Callable[[Services], Awaitable[Made]]) -> Made:
    keys = (SecretStr(KEY),)
    settings = Settings(
        database_url=SecretStr(url), secret_keys=keys, webhook_insecure=True, webhook_private_networks=True
    )
    services = build_services(settings, SystemClock())
    try:
        return await act(services)
    finally:
        await services.close()


@contextmanager
def tail(url: str, folder: Path) -> Iterator[Tail]:
    port, received = free_port(), folder / "received.txt"

    async def create(services: Services) -> UUID:
        address = f"http://127.0.0.1:{port}/hooks"
        made, _ = await services.webhooks.create(address, ["*"], None, _context(), enabled=False)
        return made.id

    command = [sys.executable, "-u", "-m", "bench.tail", "--receive", str(port)]
    with received.open("w") as output, _running(command, own_environment(url), server.ROOT, output):
        server.until_listening(port)
        yield Tail(url, folder, asyncio.run(_with_services(url, create)), received)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--receive", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.receive:
        asyncio.run(_receive(arguments.receive))
        return
    with EmbeddedPostgres(settings=DISPOSABLE) as postgres, tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        asyncio.run(seed(postgres.url, _ACCOUNTS))
        with (
            server.twokeys(postgres.url, folder, _ACCOUNTS * TOKENS_EACH),
            tail(postgres.url, folder) as found,
        ):
            lags = found.lags(arguments.rate, arguments.seconds)
            for name, lag in zip(("events follow", "webhook"), lags, strict=True):
                print(f"{name}: p50 {lag.p50:.2f} s, p99 {lag.p99:.2f} s, missing {lag.missing}")


if __name__ == "__main__":
    main()
