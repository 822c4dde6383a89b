"""A made-up company moves in and logs in: `python -m bench.company [--people 100000]`.

Its people have hashes of eight formats, and every third an authenticator app. The import is killed on its way and
repeated; then everybody logs in, by all cores, and the old hashes are counted. Hashes are cheap here: what is shown is
that it works at this size.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import asyncpg

from app.observability.logs import configure_logs
from tests.imports.company import Person, a_company
from tests.imports.firebase import parameters
from tests.imports.lines import ndjson
from tests.imports.moving import Moving
from tests.support.postgres import start_server
from tests.support.service import TWOKEYS, over

_SHARE = 2500


def _lines(people: list[Person]) -> bytes:
    return ndjson(*(person.line() for person in people))


def _log_in(url: str, folder: Path, people: list[Person]) -> dict[str, str]:
    configure_logs("warning", as_json=True)
    return asyncio.run(Moving(url, folder).log_in_all(people))


def _import_and_kill(url: str, folder: Path, file: Path, after: int) -> int:
    """How many accounts there are when it is killed."""
    command = [*TWOKEYS, "accounts", "import", str(file)]
    process = subprocess.Popen(command, env=over(url), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while asyncio.run(_count(url)) < after:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return asyncio.run(_count(url))


async def _count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM accounts"))
    finally:
        await connection.close()


def run(url: str, folder: Path, number: int, pool: ProcessPoolExecutor) -> None:
    people = list(a_company(number))
    shares = [people[start : start + _SHARE] for start in range(0, number, _SHARE)]
    file = folder / "people.ndjson"
    with file.open("wb") as stream:
        stream.write(ndjson({"firebase": parameters()}))
        stream.writelines(pool.map(_lines, shares))
    moving = Moving(url, folder)
    print(f"killed at {_import_and_kill(url, folder, file, number // 3):,} accounts", flush=True)
    began = time.perf_counter()
    print("repeated:", asyncio.run(moving.results(file)), f"in {time.perf_counter() - began:.0f} s", flush=True)
    print("status:", json.dumps(asyncio.run(moving.status())), flush=True)
    began = time.perf_counter()
    wrong: dict[str, str] = {}
    for share, problems in enumerate(pool.map(_log_in, [url] * len(shares), [folder] * len(shares), shares), 1):
        wrong |= problems
        done, seconds = min(number, share * _SHARE), time.perf_counter() - began
        print(f"log-ins: {done:,} in {seconds:.0f} s, wrong: {len(wrong)}", list(wrong.items())[:3], flush=True)
    print("status:", json.dumps(asyncio.run(moving.status())), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100_000)
    people = parser.parse_args().people
    with start_server() as server, tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(os.cpu_count()) as pool:
        url = asyncio.run(server.clone("company"))
        run(url, Path(folder), people, pool)


if __name__ == "__main__":
    main()
