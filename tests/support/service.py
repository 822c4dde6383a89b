"""`twokeys` as a process of its own, the way operators and supervisors meet it.

`python -m tests.support.service PORT CLOCK_FILE` is one whose clock stands where the file says, so that a test steps
the time of every process at once, backwards too.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path

import httpx

from app.main import create_app
from app.observability.logs import configure_logs
from app.server.server import listen, run
from app.settings import load_settings
from tests.support import forked
from tests.support.marks import PATIENCE
from tests.support.people import KEY

Process = subprocess.Popen[str] | forked.ForkedProcess
TWOKEYS = [sys.executable, "-m", "app"]
_ROOT = Path(__file__).resolve().parents[2]
_READY_WITHIN = PATIENCE
_KEEPERS: list[socket.socket] = []


def environment(**settings: str) -> dict[str, str]:
    """What a fresh shell has, with these settings and none that this test run was given."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("TWOKEYS_", "PROMETHEUS_"))}
    quick = {"TWOKEYS_ARGON2_MEMORY_KIB": "1024", "TWOKEYS_ARGON2_TIME_COST": "1", "TWOKEYS_DRAIN_SECONDS": "0"}
    return bare | {"PYTHONPATH": str(_ROOT), "COLUMNS": "120"} | quick | settings


def over(database_url: str, **settings: str) -> dict[str, str]:
    """An environment that `serve` starts in."""
    needed = {"TWOKEYS_DATABASE_URL": database_url, "TWOKEYS_SECRET_KEYS": KEY, "TWOKEYS_MAIL": "off"}
    for_mail = {"TWOKEYS_PUBLIC_URL": "http://127.0.0.1:8000", "TWOKEYS_MAIL_FROM": "no-reply@example.com"}
    # On a busy machine a client may send on a connection that the server is just closing for idleness.
    for_clients = {"TWOKEYS_KEEP_ALIVE_SECONDS": "600"}
    return environment(**needed | for_mail | for_clients | settings)


def twokeys(*arguments: str, env: Mapping[str, str], cwd: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    if forked.can_be_forked(env):
        return forked.run("app", arguments, env=env, cwd=cwd, stdin=stdin)
    return subprocess.run(
        [*TWOKEYS, *arguments],
        env=dict(env),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def running(
    *arguments: str, env: Mapping[str, str], cwd: Path, module: str = "app", program: Sequence[str] = ()
) -> Iterator[Process]:
    """A command that goes on until it is told to end; killed at the end of the block if nobody did."""
    with (cwd / "output.log").open("w+") as output, Path(os.devnull).open() as nothing:
        process: Process
        if program or not forked.can_be_forked(env):
            process = subprocess.Popen(
                [*(program or (sys.executable, "-m", module)), *arguments],
                env=dict(env),
                cwd=cwd,
                stdin=nothing,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        else:
            process = forked.start(module, arguments, env=env, cwd=cwd, streams=(nothing, output, output))
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def output_of(cwd: Path) -> str:
    return (cwd / "output.log").read_text()


def free_port() -> int:
    """Stays ours until this process ends: a socket that never listens keeps it, beside which a server may listen."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    _KEEPERS.append(keeper)
    return int(keeper.getsockname()[1])


def wait_until_ready(address: str, process: Process, cwd: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while time.monotonic() < deadline:
        assert process.poll() is None, output_of(cwd)
        try:
            if _client().get(f"{address}/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"not ready: {output_of(cwd)}")


@cache
def _client() -> httpx.Client:
    """One for all that start: each would read the certificates of the whole world anew."""
    return httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=PATIENCE)


def processes_of(group: int) -> list[int]:
    """The processes that a command started with `running` has in its session, itself included; Linux only."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        state, session = fields[0], int(fields[3])
        if session == group and state != "Z":
            found.append(int(folder.name))
    return found


def workers_of(process: Process) -> list[int]:
    """The children that serve: not the one of multiprocessing's that looks after leaks."""
    found = []
    for pid in processes_of(process.pid):
        # One that ends meanwhile serves no more.
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


_MICROSECONDS_A_PROCESS = 1000


class FileClock:
    """The instant in a file, and a microsecond more at each look, so that no two acts share a moment."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looks = count(os.getpid() % _MICROSECONDS_A_PROCESS)

    def now(self) -> datetime:
        at = datetime.fromtimestamp(float(self._file.read_text()), UTC)
        return at + timedelta(microseconds=next(self._looks) % 900_000)


def main(port: str, clock_file: str) -> int:
    settings = load_settings()
    configure_logs(settings.log_level, as_json=True)
    app = create_app(settings, FileClock(Path(clock_file)))
    return run(app, listen("127.0.0.1", int(port)), keep_alive_seconds=settings.keep_alive_seconds)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
