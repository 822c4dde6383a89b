"""How many lines a second `twokeys accounts import` takes: `python -m bench.imports [--lines 20000]`.

The command works on the database directly. A busy machine makes the rate worse but not the CPU time of a line, so both
are printed, with the most memory that the command had.
"""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from bench.seed import KEY, SECRET
from bench.server import another_database

_ROOT = Path(__file__).resolve().parents[1]
_BCRYPT = "$2b$12$" + "a" * 21 + "." + "a" * 30 + "u"
_DATABASE = "imports"


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, of CPU in the command, and of CPU in Postgres."""

    clock: float
    command: float
    postgres: float
    peak_mib: float = 0.0

    def without(self, start: "Cost") -> "Cost":
        """The start of the command is not counted."""
        clock = max(1e-9, self.clock - start.clock)
        return Cost(clock, self.command - start.command, self.postgres - start.postgres, self.peak_mib)

    def told(self, lines: int) -> str:
        command, postgres = (1000 * seconds / lines for seconds in (self.command, self.postgres))
        return (
            f"{lines / self.clock:8,.0f} lines/s; CPU a line {command:.3f} ms in the command, {postgres:.3f} ms in"
            f" Postgres; {self.peak_mib:.0f} MiB at most"
        )


class ImportBench:
    """The command, over a database of its own."""

    def __init__(self, postgres: EmbeddedPostgres, folder: Path) -> None:
        self._postgres, self._folder = postgres, folder
        self._url = asyncio.run(another_database(postgres, _DATABASE))
        asyncio.run(migrate(self._url))
        self._start = self._run(self.file(0, kept_hash))

    def file(self, lines: int, line: Callable[[int], dict[str, Any]]) -> Path:
        path = self._folder / f"{line.__name__}-{lines}.ndjson"
        with path.open("w") as stream:
            stream.writelines(json.dumps(line(number)) + "\n" for number in range(lines))
        return path

    def cost(self, file: Path, *options: str) -> Cost:
        return self._run(file, *options).without(self._start)

    def _run(self, file: Path, *options: str) -> Cost:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("TWOKEYS_")}
        settings = {"TWOKEYS_DATABASE_URL": self._url, "TWOKEYS_SECRET_KEYS": KEY, "PYTHONPATH": str(_ROOT)}
        command = [sys.executable, "-m", "app", "accounts", "import", str(file), *options]
        nothing = subprocess.DEVNULL
        before, began = self._cpu_of_postgres(), time.perf_counter()
        process = subprocess.Popen(command, cwd=self._folder, env=bare | settings, stdout=nothing, stderr=nothing)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{command} exited with {process.returncode}")
        clock, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
        return Cost(clock, cpu, self._cpu_of_postgres() - before, usage.ru_maxrss / 1024)

    def _cpu_of_postgres(self) -> float:
        """Of its processes, those that have ended included."""
        postmaster = psutil.Process(self._postgres.pid)
        times = [postmaster.cpu_times(), *(child.cpu_times() for child in postmaster.children())]
        ended = times[0].children_user + times[0].children_system
        return float(sum(each.user + each.system for each in times) + ended)


def kept_hash(number: int) -> dict[str, Any]:
    """As most tables are: a slow hash, and an authenticator app for every tenth person."""
    line: dict[str, Any] = {
        "external_id": f"u-{number}",
        "email": f"person{number}@example.com",
        "created_at": "2019-05-01T00:00:00Z",
        "password": {"hash": _BCRYPT},
    }
    app = {"otpauth_uri": f"otpauth://totp/x?secret={SECRET}", "name": "Phone"}
    return line | ({"two_factor": {"totp": [app]}} if number % 10 == 0 else {})


def wrapped_hash(number: int) -> dict[str, Any]:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return {"email": f"fast{number}@example.com", "password": {"scheme": "sha256", "hash": digest}}


def lines_a_second(postgres: EmbeddedPostgres, folder: Path, lines: int) -> float:
    bench = ImportBench(postgres, folder)
    return lines / bench.cost(bench.file(lines, kept_hash)).clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=20_000)
    lines = parser.parse_args().lines
    with EmbeddedPostgres(settings=DISPOSABLE) as postgres, tempfile.TemporaryDirectory() as folder:
        bench = ImportBench(postgres, Path(folder))
        kept, some = bench.file(lines, kept_hash), max(1, lines // 100)
        print("dry run         ", bench.cost(kept, "--dry-run").told(lines), flush=True)
        print("hashes kept     ", bench.cost(kept).told(lines), flush=True)
        print("the same again  ", bench.cost(kept).told(lines), flush=True)
        print("hashes wrapped  ", bench.cost(bench.file(some, wrapped_hash)).told(some), flush=True)


if __name__ == "__main__":
    main()
