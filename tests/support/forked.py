"""`twokeys` commands that begin where the imports have ended: the importing costs seconds, and a suite runs hundreds.

A process with everything imported forks one for each command. The command has its own environment, folder and standard
streams, and ends as any other. Only what Python itself reads from the environment at its start makes no difference.
"""

import atexit
import contextlib
import importlib
import json
import os
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

_ROOT = Path(__file__).resolve().parents[2]
# What Python and its libraries read once, when they start.
_READ_AT_THE_START = ("PYTHON", "LC_", "LANG", "TZ", "PROMETHEUS_", "LD_", "OPENSSL_", "SSL_")


def can_be_forked(env: Mapping[str, str]) -> bool:
    ours = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return hasattr(os, "fork") and all(
        env.get(name) == ours.get(name) for name in env.keys() | ours if name.startswith(_READ_AT_THE_START)
    )


def run(command: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: str) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with captured text."""
    with contextlib.ExitStack() as stack:
        files: list[IO[str]] = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
        files[0].write(stdin)
        files[0].seek(0)
        connection = stack.enter_context(socket.socket(socket.AF_UNIX))
        connection.settimeout(PATIENCE)
        connection.connect(_imported())
        request = json.dumps({"arguments": list(command), "env": dict(env), "cwd": str(cwd)}).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [file.fileno() for file in files])
        connection.sendall(request)
        status = connection.recv(4)
        if not status:
            raise AssertionError(f"{command} left no status")
        for file in files[1:]:
            file.seek(0)
        code = int.from_bytes(status, "big", signed=True)
        return subprocess.CompletedProcess(command, code, files[1].read(), files[2].read())


@cache
def _imported() -> str:
    """The address of the process that has imported everything; it ends with this one."""
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
    # So that no command has to.
    for module in ("app.cli.main", "app.server.start", "app.development.start", "app.worker"):
        importlib.import_module(module)
    listener = socket.create_server(address, family=socket.AF_UNIX, backlog=64)
    # The system reaps the children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
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
    """Runs the command in a process of its own and tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as stream:
        request = json.loads(stream.read(int.from_bytes(length, "big")))
    command = os.fork()
    if command == 0:
        connection.close()
        _become(request, files)
    _, status = os.waitpid(command, 0)
    connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    os._exit(0)


def _become(request: Mapping[str, Any], files: Sequence[int]) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate(("r", "w", "w")))  # noqa: PTH123, SIM115
    sys.argv = ["twokeys", *request["arguments"]]
    code = 1
    try:
        importlib.import_module("app.cli.main").main()
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
