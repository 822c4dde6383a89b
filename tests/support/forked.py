"""Programs of ours that begin where the imports have ended: the importing costs seconds, and a suite starts hundreds.

A process with everything imported forks one for each program. It has its own environment, folder, session and standard
streams, and ends as any other. Only what Python itself reads from the environment at its start makes no difference.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.support.marks import PATIENCE

DIES_AT = "DIES_AT"
"""In the environment of a command: the step, as `killable` counts them, at which it dies as by `kill -9`."""

_ROOT = Path(__file__).resolve().parents[2]
# What Python and its libraries read once, when they start.
_READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "TZ", "PROMETHEUS_", "LD_", "OPENSSL_", "SSL_")
_NUMBER = 4


class ForkedProcess:
    """As much of `subprocess.Popen` as tests use."""

    def __init__(self, command: Sequence[str], connection: socket.socket) -> None:
        self.args = command
        self.returncode: int | None = None
        self._connection = connection
        connection.settimeout(PATIENCE)
        self.pid = _number(connection)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float = PATIENCE) -> int:
        if self.returncode is None:
            readable, _, _ = select.select([self._connection], [], [], timeout)
            if not readable:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = _number(self._connection)
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def can_be_forked(env: Mapping[str, str]) -> bool:
    ours = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return hasattr(os, "fork") and all(
        env.get(name) == ours.get(name) for name in env.keys() | ours if name.startswith(_READ_AT_THE_START)
    )


def start(
    module: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, streams: Sequence[IO[Any]]
) -> ForkedProcess:
    """`python -m module …`; `streams` are the three standard ones."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_shared[-1] if _shared else begin())
    params = {"module": module, "arguments": list(arguments), "env": dict(env), "cwd": str(cwd)}
    request = json.dumps(params).encode()
    length = len(request).to_bytes(_NUMBER, "big")
    socket.send_fds(connection, [length], [stream.fileno() for stream in streams])
    connection.sendall(request)
    return ForkedProcess([module, *arguments], connection)


def run(
    module: str, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: str
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with captured text."""
    with contextlib.ExitStack() as stack:
        files: list[IO[str]] = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
        files[0].write(stdin)
        files[0].seek(0)
        code = start(module, arguments, env=env, cwd=cwd, streams=files).wait()
        for file in files[1:]:
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, files[1].read(), files[2].read())


def _number(connection: socket.socket) -> int:
    found = connection.recv(_NUMBER, socket.MSG_WAITALL)
    assert len(found) == _NUMBER, "the process left no status"
    return int.from_bytes(found, "big", signed=True)


_shared: list[str] = []


def share(address: str) -> None:
    """From now on this process has its programs forked there, by a process that serves all workers of a run."""
    _shared.append(address)


@cache
def begin() -> str:
    """Starts the process that imports everything; returns its address. It ends with this one."""
    folder = tempfile.mkdtemp(prefix="twokeys-forked-")
    address = f"{folder}/socket"
    reading, writing = os.pipe()
    env = {name: value for name, value in os.environ.items() if not name.startswith("TWOKEYS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forked", address],
        cwd=_ROOT,
        env=env | {"PYTHONPATH": str(_ROOT)},
        stdin=reading,
        stdout=subprocess.PIPE,
    )
    os.close(reading)

    def end() -> None:
        os.close(writing)
        process.wait()
        Path(address).unlink()
        Path(folder).rmdir()

    atexit.register(end)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline(), "it did not begin"
    return address


def _serve(address: str) -> None:
    listener = socket.create_server(address, family=socket.AF_UNIX, backlog=64)
    print("listens", flush=True)
    # So that no program has to. Who asks meanwhile is served afterwards.
    for module in ("tests.faults.killable", "app.cli.main", "app.server.start", "app.development.start", "app.worker"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    # The system reaps the children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        readable, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in readable:
            return  # The test process has ended.
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> None:
    """Runs the program in a process of its own; tells its number, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, files, _, _ = socket.recv_fds(connection, _NUMBER, 3)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.read(int.from_bytes(length, "big")))
    program = os.fork()
    if program == 0:
        connection.close()
        _become(request, files)
    for file in files:
        os.close(file)
    # Whoever started it may have ended meanwhile.
    with contextlib.suppress(BrokenPipeError):
        connection.sendall(program.to_bytes(_NUMBER, "big"))
        _, status = os.waitpid(program, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(_NUMBER, "big", signed=True))
    os._exit(0)


def _become(request: Mapping[str, Any], files: Sequence[int]) -> None:
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate(("r", "w", "w")))  # noqa: PTH123, SIM115
    sys.argv = [request["module"], *request["arguments"]]
    if step := os.environ.pop(DIES_AT, ""):
        importlib.import_module("tests.faults.killable").end_at(int(step))
    code = 1
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - as Python itself does
        traceback.print_exc()
    with contextlib.suppress(OSError):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
