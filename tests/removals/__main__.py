"""`python -m tests.removals [WORD …]`: takes defences away in copies of the tree, to see that a test notices.

All of them, or those whose name or chapter has a WORD. A defence is caught where a test fails in its own body. A test
that does not even begin (the fixtures broke, the code cannot be imported) says nothing about a defence and is an error,
and so is a named test that fails in the copy as it is. The quick tests of a defence run first, and the first failure is
enough. Several defences are tried at once, each in a copy of its own over one Postgres.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from xml.etree import ElementTree as ET

from tests.removals.syntax import Unfit
from tests.removals.table import ROOT, Defence, Edit, all_defences, without
from tests.support.postgres import start_server

_SECONDS = 1800
# Python 3.11 builds no two syntax trees at a time: "AST constructor recursion depth mismatch".
_PARSING = Lock()
_SLOW = ("attacks", "integrations", "server", "faults")


class Unfinished(Exception):
    """pytest left no report."""


@dataclass(frozen=True)
class Run:
    """What pytest said: the tests that failed in their bodies and how, and how many did not get that far."""

    failed: Mapping[str, str]
    broken: int
    passed: int


@dataclass
class Copy:
    """The tree as git would commit it, to break things in."""

    root: Path
    database_url: str
    edits: int = field(default=0)

    def write(self, path: Path, content: str) -> None:
        path.write_text(content)
        # Python tells by the second and the size whether what it compiled is stale.
        self.edits += 1
        moment = time.time() + self.edits * 2
        os.utime(path, (moment, moment))

    @contextmanager
    def without(self, edits: Iterable[Edit]) -> Iterator[None]:
        """Raises Unfit."""
        with _PARSING:
            changed = without(edits, self.root)
        before = {file: file.read_text() for file in changed}
        try:
            for file, source in changed.items():
                self.write(file, source)
            yield
        finally:
            for file, source in before.items():
                self.write(file, source)

    def run(self, tests: Iterable[str], *arguments: str) -> Run:
        report = self.root / "report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--junitxml={report}", *arguments]
        command += [f"tests/{test}" for test in sorted(set(tests), key=_quick_first)]
        done = subprocess.run(
            command,
            check=False,
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), "TWOKEYS_DATABASE_URL": self.database_url},
            capture_output=True,
            timeout=_SECONDS,
        )
        if not report.exists():
            raise Unfinished(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr).decode()[-500:]}")
        failed: dict[str, str] = {}
        broken = passed = 0
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it
            if case.find("error") is not None:
                broken += 1
            elif (failure := case.find("failure")) is not None:
                failed[str(case.get("name")).partition("[")[0]] = str(failure.get("message")).partition("\n")[0][:90]
            elif case.find("skipped") is None:
                passed += 1
        return Run(failed, broken, passed)


@contextmanager
def a_copy(database_url: str) -> Iterator[Copy]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="twokeys-removals-") as folder:
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Copy(Path(folder), database_url)


def _quick_first(test: str) -> tuple[bool, str]:
    return test.partition("/")[0] in _SLOW, test


def _how(run: Run) -> str:
    return ", ".join(f"{name} ({message})" for name, message in run.failed.items())


def verdict(copy: Copy, defence: Defence, behind: Sequence[Defence]) -> tuple[str, str]:
    """One of caught, backed, NOT CAUGHT and ERROR, and what there is to say about it."""
    with copy.without(defence.edits):
        alone = copy.run(defence.tests, "--maxfail=1")
    if not behind:
        if alone.failed:
            return "caught", _how(alone)
        return ("ERROR", f"{alone.broken} tests did not begin") if alone.broken else ("NOT CAUGHT", "")
    if alone.failed or alone.broken:
        return "ERROR", f"said to be backed, and noticed alone: {_how(alone) or 'errors'}"
    with copy.without(edit for each in (defence, *behind) for edit in each.edits):
        together = copy.run(defence.tests, "--maxfail=1")
    if together.failed:
        return "backed", f"{', '.join(each.name for each in behind)}; all at once: {_how(together)}"
    return ("ERROR", f"{together.broken} tests did not begin") if together.broken else ("NOT CAUGHT", "nor all at once")


def all_pass(copy: Copy, chosen: Sequence[Defence]) -> bool:
    """The named tests with every defence in place; once more by themselves, those that failed among all the others."""
    named = {test for defence in chosen for test in defence.tests}
    whole = copy.run(named, "-n", "auto", "--dist", "loadfile")
    if whole.failed:
        whole = copy.run(test for test in named if test.partition("::")[2] in whole.failed)
    if whole.failed or whole.broken or not whole.passed:
        print(f"With every defence in place: {whole.broken} broken, failed: {_how(whole)}")
        return False
    print(f"{len(named)} tests pass with every defence in place.", flush=True)
    return True


def take_away(copies: Sequence[Copy], chosen: Sequence[Defence], table: Mapping[str, Defence]) -> int:
    """Prints a line for each, in the order of coming; how many are not as the table says."""
    idle: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        idle.put(copy)

    def one(defence: Defence) -> tuple[str, str, float]:
        copy, began = idle.get(), time.monotonic()
        try:
            said, why = verdict(copy, defence, [table[name] for name in defence.backed_by])
        except (Unfit, Unfinished, subprocess.TimeoutExpired) as error:
            said, why = "ERROR", str(error)
        finally:
            idle.put(copy)
        return said, why, time.monotonic() - began

    counts: dict[str, int] = {}
    with ThreadPoolExecutor(len(copies)) as pool:
        running = {pool.submit(one, defence): defence for defence in chosen}
        for done in as_completed(running):
            said, why, seconds = done.result()
            counts[said] = counts.get(said, 0) + 1
            print(f"{said:10} {seconds:5.1f} s  {running[done].name}: {why}", flush=True)
    print(f"{len(chosen)} defences: {', '.join(f'{count} {said}' for said, count in sorted(counts.items()))}.")
    return sum(count for said, count in counts.items() if said.isupper())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.removals", description="Which removed defences are noticed?")
    parser.add_argument("words", nargs="*", help="only defences whose name or chapter has one of these")
    parser.add_argument("--at-once", type=int, default=2 * (os.cpu_count() or 1), help="how many are tried at once")
    arguments = parser.parse_args()
    table = {defence.name: defence for defence in all_defences()}
    chosen = [each for each in table.values() if not arguments.words or any(map(each.is_about, arguments.words))]
    with ExitStack() as stack:
        server = stack.enter_context(start_server())
        copies = [stack.enter_context(a_copy(server.url)) for _ in range(arguments.at_once)]
        return 1 if not all_pass(copies[0], chosen) or take_away(copies, chosen, table) else 0


if __name__ == "__main__":
    sys.exit(main())
