"""The servers under load, and the shape in which any other joins them (`--peers`)."""

import base64
import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psutil

from app.development.embedded_postgres import EmbeddedPostgres
from bench.client import Connection
from bench.seed import CLIENT_ID, CLIENT_SECRET, KEY, PASSWORD, SECRET, address_of, token_of
from tests.support.people import totp_code

READY_WITHIN = 30.0
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Checks:
    """How this server is asked about a token: one request, in which each of many tokens takes its turn.

    The token stands in the body, or in `Authorization` where the headers name none.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    tokens: list[str]
    answer: int = 200

    @property
    def in_body(self) -> bool:
        return "Authorization" in self.headers

    def request(self, token: str) -> tuple[Mapping[str, str], str]:
        """Its headers and its body."""
        if self.in_body:
            return self.headers, f"token={token}"
        return {**self.headers, "Authorization": f"Bearer {token}"}, ""


LogIn = Callable[[Connection, int], Awaitable[None]]
"""One whole log-in of the person with this number; raises when it is refused."""


@dataclass(frozen=True)
class Server:
    name: str
    port: int
    checks: Checks
    log_ins: Mapping[str, LogIn]
    """By name: `plain` and `two_factor` where the server knows them."""
    calls: Mapping[str, Checks] = field(default_factory=dict)
    """By path: the calls that only need a caller, where the server knows them."""
    ready_after: float = 0.0
    workers_mib: float = 0.0


async def another_database(postgres: EmbeddedPostgres, name: str) -> str:
    """An empty database beside the first; returns its URL."""
    connection = await asyncpg.connect(postgres.url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return postgres.url_of(name)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _bare_environment() -> dict[str, str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("TWOKEYS_", "PROMETHEUS_"))}
    return {**bare, "PYTHONPATH": str(ROOT)}


def own_environment(dsn: str) -> dict[str, str]:
    """Of the service and its commands. Webhooks may go to this machine."""
    return {
        **_bare_environment(),
        "TWOKEYS_DATABASE_URL": dsn,
        "TWOKEYS_SECRET_KEYS": KEY,
        "TWOKEYS_MAIL": "off",
        "TWOKEYS_TRUSTED_PROXIES": "127.0.0.0/8",
        "TWOKEYS_HASH_THREADS": "2",
        # Each log-in of the bench comes from an address of its own, which otherwise costs each one a mail.
        "TWOKEYS_NEW_SIGN_IN_MAIL": "false",
        "TWOKEYS_WEBHOOK_INSECURE": "true",
        "TWOKEYS_WEBHOOK_PRIVATE_NETWORKS": "true",
    }


@contextmanager
def process(command: list[str], environment: Mapping[str, str], port: int, log: Path) -> Iterator[tuple[int, float]]:
    """A server of its own session; its pid and the seconds until it was ready."""
    began = time.perf_counter()
    with log.open("w") as output:
        child = subprocess.Popen(
            command, cwd=log.parent, env={**_bare_environment(), **environment}, stdout=output, stderr=output
        )
    try:
        while not _is_ready(port):
            if child.poll() is not None or time.perf_counter() - began > READY_WITHIN:
                raise RuntimeError(f"{command} did not become ready: {log.read_text()[-2000:]}")
            time.sleep(0.01)
        yield child.pid, time.perf_counter() - began
    finally:
        child.terminate()
        try:
            child.wait(12)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until_listening(port: int) -> None:
    deadline = time.perf_counter() + READY_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.perf_counter() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def memory_mib(pid: int) -> float:
    """What one process that serves holds for itself; the largest of several."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(max(each.memory_full_info().uss for each in family) / 2**20)


def _spread(tokens: int) -> list[str]:
    """Over all of them, so that a large table is looked up everywhere."""
    return [token_of(number) for number in range(0, tokens, max(1, tokens // 50_000))]


def introspection(tokens: int) -> Checks:
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    return Checks("POST", "/v1/introspect", headers, _spread(tokens))


CALLS = {"/v1/forward-auth": 204, "/v1/me": 200, "/v1/me/2fa": 200, "/v1/me/tokens": 200}
"""What only needs a caller, and the status of its answer."""


def caller_calls(tokens: int) -> dict[str, Checks]:
    return {path: Checks("GET", path, {}, _spread(tokens), status) for path, status in CALLS.items()}


_addresses = itertools.count()


def _from_anywhere() -> dict[str, str]:
    """Each log-in comes from another client, or the limits would be what is measured."""
    number = next(_addresses)
    return {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}


async def _plain(connection: Connection, number: int) -> None:
    body = {"email": address_of(number), "password": PASSWORD}
    answer = await connection.post_json("/v1/login", body, _from_anywhere())
    assert answer["status"] == "authenticated", answer


async def _two_factor(connection: Connection, number: int) -> None:
    body = {"email": address_of(number), "password": PASSWORD}
    challenge = await connection.post_json("/v1/login", body, _from_anywhere())
    proof = {"challenge": challenge["challenge"], "code": totp_code(SECRET, datetime.now(UTC))}
    answer = await connection.post_json("/v1/login/two-factor", proof, _from_anywhere())
    assert answer["status"] == "authenticated", answer


@contextmanager
def twokeys(dsn: str, folder: Path, tokens: int, name: str = "twokeys", workers: int = 1) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "app", "serve", "--port", str(port), "--workers", str(workers)]
    with process(command, own_environment(dsn), port, folder / f"{name}.log") as (pid, ready_after):
        time.sleep(0.5)
        log_ins = {"plain": _plain, "two_factor": _two_factor}
        yield Server(name, port, introspection(tokens), log_ins, caller_calls(tokens), ready_after, memory_mib(pid))


@contextmanager
def ref(dsn: str, folder: Path, tokens: int) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bench.ref", str(port)]
    with process(command, {"BENCH_DSN": dsn}, port, folder / "ref.log") as (pid, ready_after):
        yield Server("ref", port, introspection(tokens), {}, caller_calls(tokens), ready_after, memory_mib(pid))
