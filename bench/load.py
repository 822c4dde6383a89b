"""The loads: token checks by wrk where it is installed and by a small client elsewhere; log-ins by the small client."""

import asyncio
import itertools
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.client import Connection
from bench.server import Checks, LogIn, Server

_LUA = """
local tokens = {}
for line in io.lines("TOKENS") do tokens[#tokens + 1] = line end
local headers = {HEADERS}
math.randomseed(os.time())
local at = math.random(#tokens)
request = function()
  at = at % #tokens + 1
  REQUEST
end
DELAY
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
end
"""
_IN_BODY = 'return wrk.format("METHOD", "PATH", headers, "token=" .. tokens[at])'
_IN_HEADER = """headers["Authorization"] = "Bearer " .. tokens[at]
  return wrk.format("METHOD", "PATH", headers)"""


@dataclass(frozen=True)
class Measured:
    """`rate` a second; times in milliseconds."""

    rate: float
    p50: float
    p99: float


def has_wrk() -> bool:
    return shutil.which("wrk") is not None


def _script(checks: Checks, folder: Path, pause_ms: int) -> Path:
    tokens = folder / "tokens.txt"
    tokens.write_text("\n".join(checks.tokens))
    request = _IN_BODY if checks.in_body else _IN_HEADER
    headers = ", ".join(f'["{name}"] = "{value}"' for name, value in checks.headers.items())
    delay = f"delay = function() return {pause_ms} + math.random(5) end" if pause_ms else ""
    text = _LUA.replace("REQUEST", request).replace("TOKENS", str(tokens)).replace("HEADERS", headers)
    text = text.replace("DELAY", delay)
    script = folder / "load.lua"
    script.write_text(text.replace("METHOD", checks.method).replace("PATH", checks.path))
    return script


def _by_wrk(server: Server, checks: Checks, connections: int, seconds: float, folder: Path, pause_ms: int) -> Measured:
    script = _script(checks, folder, pause_ms)
    address = f"http://127.0.0.1:{server.port}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script), address]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, p50, p99, errors = output.rpartition("RESULT ")[2].split()
    if int(errors):
        raise RuntimeError(f"{server.name}: {errors} checks failed under wrk")
    return Measured(float(rate), float(p50), float(p99))


def summed_up(took: list[float], seconds: float) -> Measured:
    """From the times of each, in seconds."""
    ranked = sorted(took) or [0.0]
    almost_last = ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)]
    return Measured(len(took) / seconds, statistics.median(ranked) * 1000, almost_last * 1000)


async def _by_client(server: Server, checks: Checks, connections: int, seconds: float, pause_ms: int) -> Measured:
    took: list[float] = []
    began = time.perf_counter()
    tokens = itertools.cycle(checks.tokens)

    async def ask() -> None:
        connection = await Connection.open(server.port)
        while time.perf_counter() - began < seconds:
            asked_at = time.perf_counter()
            status, _ = await connection.ask(checks.method, checks.path, *checks.request(next(tokens)))
            assert status == checks.answer, status
            took.append(time.perf_counter() - asked_at)
            await asyncio.sleep(pause_ms / 1000)
        connection.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return summed_up(took, time.perf_counter() - began)


def check(
    server: Server, connections: int, seconds: float, folder: Path, *, call: str | None = None, pause_ms: int = 0
) -> Measured:
    """Introspections or another call, as fast as they are answered, or with a pause after each answer."""
    checks = server.calls[call] if call else server.checks
    if has_wrk():
        return _by_wrk(server, checks, connections, seconds, folder, pause_ms)
    return asyncio.run(_by_client(server, checks, connections, seconds, pause_ms))


async def _log_in(server: Server, log_in: LogIn, people: list[int], connections: int, seconds: float) -> Measured:
    took: list[float] = []
    numbers, began = iter(people), time.perf_counter()

    async def go_on() -> None:
        connection = await Connection.open(server.port)
        while time.perf_counter() - began < seconds:
            asked_at = time.perf_counter()
            await log_in(connection, next(numbers))
            took.append(time.perf_counter() - asked_at)
        connection.close()

    await asyncio.gather(*(go_on() for _ in range(connections)))
    return summed_up(took, time.perf_counter() - began)


def log_in(server: Server, kind: str, people: list[int], connections: int, seconds: float) -> Measured:
    """Each person at most once: a code counts once."""
    return asyncio.run(_log_in(server, server.log_ins[kind], people, connections, seconds))
