"""`make bench`: the service against what the machine allows, everything interleaved, in under twelve minutes.

`--peers FILE…` adds servers: each file is a Python module with one context manager, `start(folder)`, that yields a
`bench.server.Server` (bench/peer_example.py is one). `--write` renews docs/evidence/performance.md and its picture.
"""

import argparse
import importlib.util
import itertools
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from bench import growth, load, report, server
from bench.growth import Cost
from bench.imports import lines_a_second
from bench.load import Measured
from bench.report import Row
from bench.seed import TOKENS_EACH, WITH_TWO_FACTOR, bytes_a_row, fill_events, seed
from bench.server import Server
from bench.tail import RATE, Lag, Tail, tail

FEW, MANY, IMPORTED = 10_000, 1_000_000, 20_000
# Fewer than `python -m bench.growth` makes, so that the bench stays short.
EVENTS_EACH = 3
POSTGRES = {**DISPOSABLE, "max_connections": "200", "shared_buffers": "1GB", "max_wal_size": "4GB"}
CONNECTIONS = (16, 64)
LOG_IN_CONNECTIONS = 16


class Bench:
    """What was measured so far, by load and server; the medians of it are what counts."""

    def __init__(self, folder: Path, rounds: int, seconds: float, progress: Progress) -> None:
        self.folder, self.rounds, self.seconds = folder, rounds, seconds
        self.found: dict[tuple[str, str], list[Measured]] = {}
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._people = {"two_factor": 0, "plain": WITH_TWO_FACTOR}

    def step(self, words: str) -> None:
        self._progress.update(self._task, description=words, advance=1)

    def note(self, load: str, name: str, measured: Measured) -> None:
        self.found.setdefault((load, name), []).append(measured)

    def check(self, target: Server, connections: int) -> None:
        self.step(f"checks at {connections}: {target.name}")
        measured = load.check(target, connections, self.seconds, self.folder)
        self.note(f"check {connections}", target.name, measured)

    def call(self, target: Server, path: str, connections: int) -> None:
        self.step(f"{path} at {connections}: {target.name}")
        measured = load.check(target, connections, self.seconds, self.folder, call=path)
        self.note(f"{path} {connections}", target.name, measured)

    def log_in(self, target: Server, kind: str, known_as: str = "") -> None:
        self.step(f"log-ins, {kind}: {target.name}")
        measured = load.log_in(target, kind, self._some_people(kind), LOG_IN_CONNECTIONS, self.seconds)
        self.note(known_as or kind, target.name, measured)

    def argon2(self) -> None:
        self.step("argon2 alone")
        output = subprocess.run(
            [sys.executable, "-m", "bench.calibrate", str(self.seconds)], capture_output=True, text=True, check=True
        )
        self.note("argon2", "argon2", Measured(float(output.stdout), 0, 0))

    def paced(self, target: Server, beside: Server | None = None) -> None:
        """A steady trickle of checks: the time of one, and beside a server whose log-ins want all the CPU there is."""
        name = "busy" if beside else "idle"
        self.step(f"checks while {name}: {target.name}")
        with self._log_ins_at(beside) if beside else nullcontext():
            self.note(name, target.name, load.check(target, 4, self.seconds, self.folder, pause_ms=10))

    @contextmanager
    def _log_ins_at(self, target: Server) -> Iterator[None]:
        people = self._some_people("plain")
        log_ins = threading.Thread(
            target=load.log_in, args=(target, "plain", people, LOG_IN_CONNECTIONS, self.seconds + 2)
        )
        log_ins.start()
        time.sleep(1)
        yield
        log_ins.join()

    def _some_people(self, kind: str) -> list[int]:
        """A code counts once in half a minute, so the people with a device take turns; the others may come again."""
        most = WITH_TWO_FACTOR if kind == "two_factor" else FEW - WITH_TWO_FACTOR
        base = 0 if kind == "two_factor" else WITH_TWO_FACTOR
        first = self._people[kind] - base
        self._people[kind] = base + (first + 1500) % most
        return [base + (first + number) % most for number in range(1500)]

    def median(self, load: str, name: str, what: str = "rate") -> float:
        return float(statistics.median(getattr(each, what) for each in self.found[load, name]))

    def ratio(self, load: str, name: str, to_load: str, to_name: str, what: str = "rate") -> float:
        """The median of the rounds' own ratios: each round saw the same machine."""
        pairs = zip(self.found[load, name], self.found[to_load, to_name], strict=True)
        return float(statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs))

    def noise(self) -> float:
        """How far rounds of the same load lay apart: the median of (largest - smallest) / median."""
        spreads = []
        for runs in self.found.values():
            rates = [each.rate for each in runs]
            if len(rates) > 1:
                spreads.append((max(rates) - min(rates)) / statistics.median(rates))
        return statistics.median(spreads) if spreads else 0.0


@contextmanager
def _peer(path: Path, folder: Path) -> Iterator[Server]:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.start(folder) as started:
        yield started


def _at_speed(bench: Bench, ours: Server, ref: Server, peers: list[Server]) -> None:
    others = [ref, *peers]
    for _ in range(bench.rounds):
        for connections in CONNECTIONS:
            for target in (ours, *others):
                bench.check(target, connections)
            for path in server.CALLS:
                for target in (ours, *(each for each in others if path in each.calls)):
                    bench.call(target, path, connections)
        bench.argon2()
        for kind in ("plain", "two_factor"):
            for target in (ours, *(each for each in others if kind in each.log_ins)):
                bench.log_in(target, kind)
        for target in (ours, ref):
            bench.paced(target)
            bench.paced(target, beside=ours)


def _grown(bench: Bench, few: Server, many: Server) -> None:
    for _ in range(bench.rounds):
        for target in (few, many):
            bench.step(f"checks of {target.name}")
            measured = load.check(target, 16, bench.seconds, bench.folder)
            bench.note("check of", target.name, measured)
            bench.log_in(target, "plain", "log-in of")


def _told(bench: Bench, ours: Server, watched: Tail) -> None:
    """Log-ins with a webhook that is told of each of them, and without."""
    for _ in range(bench.rounds):
        for wanted in (False, True):
            watched.listen(wanted=wanted)
            bench.log_in(ours, "plain", "told" if wanted else "untold")
    watched.listen(wanted=False)


def _stalls(dsn: str) -> tuple[float, float]:
    environment = {**os.environ, "BENCH_DSN": dsn}
    output = subprocess.run(
        [sys.executable, "-m", "bench.stalls"], env=environment, capture_output=True, text=True, check=True
    )
    enrolling, at_rest = output.stdout.split()[-2:]
    return float(enrolling), float(at_rest)


def _rows(
    bench: Bench, ours: Server, ref: Server, peers: list[Server], stalls: tuple[float, float], *, grown: bool
) -> list[Row]:
    rows = []
    for connections, wanted in zip(CONNECTIONS, (0.85, 1.0), strict=True):
        name = f"check {connections}"
        rows += [
            Row(f"token checks, {connections} connections", each, "/s", bench.median(name, each),
                bench.ratio(name, each, name, "ref"), "x ref", wanted if each == ours.name else None,
                bench.median(name, each, "p50"), bench.median(name, each, "p99"))
            for each in (ours.name, "ref", *(peer.name for peer in peers))
        ]  # fmt: skip
    for path, connections in itertools.product(server.CALLS, CONNECTIONS):
        name = f"{path} {connections}"
        rows += [
            Row(f"{path}, {connections} connections", each.name, "/s", bench.median(name, each.name),
                bench.ratio(name, each.name, name, "ref"), "x ref", 0.8 if each is ours else None,
                bench.median(name, each.name, "p50"), bench.median(name, each.name, "p99"))
            for each in (ours, ref, *peers) if path in each.calls
        ]  # fmt: skip
    rows.append(Row("argon2id alone, 2 threads", "argon2", "/s", bench.median("argon2", "argon2"), 1.0, "x argon2"))
    for kind, words, wanted in (("plain", "log-ins, password", 0.8), ("two_factor", "log-ins, two factors", 0.72)):
        for each in (ours, *(peer for peer in peers if kind in peer.log_ins)):
            rows.append(
                Row(words, each.name, "/s", bench.median(kind, each.name),
                    bench.ratio(kind, each.name, "argon2", "argon2"), "x argon2", wanted if each is ours else None,
                    bench.median(kind, each.name, "p50"), bench.median(kind, each.name, "p99"))
            )  # fmt: skip
    for name, words in (("idle", "p99 of a check, idle"), ("busy", "p99 of a check, 16 log-ins beside it")):
        rows += [
            Row(words, each.name, "ms", bench.median(name, each.name, "p99"),
                bench.ratio(name, each.name, name, "ref", "p99"), "x ref",
                1.3 if name == "busy" and each is ours else None, at_most=True)
            for each in (ours, ref)
        ]  # fmt: skip
    rows += [
        Row("the event loop stands still, enrolling", ours.name, "ms", stalls[0], stalls[0], "ms", 5.0, at_most=True),
        Row("the same, at rest", ours.name, "ms", stalls[1]),
        Row("start to ready, one worker", ours.name, "s", ours.ready_after, ours.ready_after, "s", 2.0, at_most=True),
        Row("memory of an idle worker", ours.name, "MiB", ours.workers_mib, ours.workers_mib, "MiB", 120.0,
            at_most=True),
    ]  # fmt: skip
    if grown:
        for name, words in (("check of", "cost of a check"), ("log-in of", "cost of a log-in")):
            ratio = bench.ratio(name, "twokeys", name, "a million")
            rows.append(Row(f"{words}, 1,000,000 accounts to 10,000", ours.name, "x", ratio, ratio, "x", 1.2,
                            at_most=True))  # fmt: skip
    return rows


def _tail_rows(bench: Bench, ours: Server, lags: tuple[Lag, Lag]) -> list[Row]:
    rows = [
        Row(f"p99 of the lag of {words}, {RATE:,} events a second", ours.name, "s", lag.p99, lag.p99, "s", 1.0,
            p50=lag.p50 * 1000, p99=lag.p99 * 1000, at_most=True)
        for words, lag in zip(("`events follow`", "a webhook"), lags, strict=True)
    ]  # fmt: skip
    ratio = bench.ratio("told", ours.name, "untold", ours.name)
    rows.append(Row("log-ins, a webhook told of each", ours.name, "/s", bench.median("told", ours.name), ratio,
                    "x without", 0.97))  # fmt: skip
    return rows


def _growth_rows(ours: Server, costs: Mapping[str, Cost]) -> list[Row]:
    """Of each kind of call the one that grew most, which the picture names by its kind alone."""
    worst: dict[str, Cost] = {}
    for name, cost in costs.items():
        kind = name.partition(":")[0]
        worst[kind] = max(cost, worst.get(kind, cost), key=lambda each: each.ratio)
    return [
        Row(f"{kind}, {MANY:,} accounts to {FEW:,}", ours.name, "ms", cost.many, cost.ratio, "x", 1.2, at_most=True)
        for kind, cost in worst.items()
    ]


def _run(arguments: argparse.Namespace, folder: Path, progress: Progress) -> tuple[list[Row], report.About]:
    import asyncio  # noqa: PLC0415 - only to fill the databases

    bench = Bench(folder, arguments.rounds, arguments.seconds, progress)
    growth_rows: list[Row] = []
    with ExitStack() as stack:
        postgres = stack.enter_context(EmbeddedPostgres(settings=POSTGRES))
        bench.step(f"{FEW:,} accounts")
        asyncio.run(seed(postgres.url, FEW))
        asyncio.run(fill_events(postgres.url, FEW, datetime.now(UTC), each=EVENTS_EACH))
        ours = stack.enter_context(server.twokeys(postgres.url, folder, FEW * TOKENS_EACH))
        ref = stack.enter_context(server.ref(postgres.url, folder, FEW * TOKENS_EACH))
        peers = [stack.enter_context(_peer(path, folder)) for path in arguments.peers]
        _at_speed(bench, ours, ref, peers)
        with tail(postgres.url, folder) as watched:
            _told(bench, ours, watched)
            bench.step(f"{RATE:,} events a second")
            lags = watched.lags(RATE, 2 * bench.seconds)
        bench.step("enrolling")
        stalls = _stalls(postgres.url)
        sizes = asyncio.run(bytes_a_row(postgres.url))
        if arguments.growth:
            bench.step(f"{MANY:,} accounts, {MANY * TOKENS_EACH:,} tokens")
            url = asyncio.run(server.another_database(postgres, "million"))
            asyncio.run(seed(url, MANY))
            asyncio.run(fill_events(url, MANY, datetime.now(UTC), each=EVENTS_EACH))
            sizes = asyncio.run(bytes_a_row(url))
            many = stack.enter_context(server.twokeys(url, folder, MANY * TOKENS_EACH, "a million"))
            _grown(bench, ours, many)
            bench.step(f"calls of operators, {MANY:,} accounts")
            growth_rows = _growth_rows(ours, asyncio.run(growth.costs(postgres.url, url)))
        bench.step(f"{IMPORTED:,} lines of an import")
        imported = lines_a_second(postgres, folder, IMPORTED)
        rows = _rows(bench, ours, ref, peers, stalls, grown=arguments.growth) + growth_rows
        rows += _tail_rows(bench, ours, lags)
        rows.append(Row("import, hashes kept", ours.name, "lines/s", imported, imported, "lines/s", 5000.0))
    return rows, report.About(
        machine=f"{os.cpu_count()} cores, Python {platform.python_version()}",
        client="wrk" if load.has_wrk() else "the bench's own client",
        rounds=arguments.rounds,
        noise=bench.noise(),
        load_before=arguments.load_before,
        sizes=sizes,
    )


def _last_release() -> tuple[str, str]:
    """Its name, and its page of measurements; that of this tree where there is no release."""
    tagged = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if tagged:
        page = ["git", "show", f"{tagged}:docs/evidence/performance.md"]
        return tagged, subprocess.run(page, capture_output=True, text=True, check=True).stdout
    return "the last that was written", report.PAGE.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load")
    parser.add_argument("--peers", type=Path, nargs="*", default=[], help="adapters of other servers")
    parser.add_argument("--no-growth", dest="growth", action="store_false", help="without the million accounts")
    parser.add_argument("--write", action="store_true", help="renew docs/evidence/performance.md and its picture")
    arguments = parser.parse_args()
    arguments.load_before = os.getloadavg()[0]
    began = time.monotonic()
    columns = TextColumn("{task.description:48}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns) as progress, tempfile.TemporaryDirectory() as folder:
        rows, about = _run(arguments, Path(folder), progress)
    about.minutes = (time.monotonic() - began) / 60
    print(report.as_text(rows, about))
    name, before = _last_release()
    print("\n".join([f"Slower by more than 5 % than {name}:", *(report.slower(rows, before) or ["nothing"])]))
    if arguments.write:
        report.write(rows, about)


main()
