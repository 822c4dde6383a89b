"""Whether the time of an answer tells who has an account: `python -m bench.enumeration [--rounds 300] [--mixed]`.

With `--mixed` seven of ten accounts have a hash of another system still, as after an import: five bcrypt, one
PBKDF2 of Django, one scrypt of Werkzeug. The median lies inside bcrypt then, and not in a gap between two formats.

Asks for a log-in with an unknown address, a wrong password, a disabled account and an over-long password, and for a
reset with and without an account, all interleaved, with the hash at its real costs. For each pair it prints the
difference of the medians and the AUC (Mann-Whitney): 0.5 is a coin, 1.0 a telltale. The CPU time of the service, on
Linux, shows on a busy machine too whether one of a pair is more work.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
from pydantic import SecretStr
from werkzeug.security import generate_password_hash

from app.services import Services
from app.settings import Settings
from tests.support.people import KEY, PASSWORD, an_account, an_operator
from tests.support.postgres import start_server
from tests.support.processes import Processes, new_address, processes

WRONG = "a wrong one entirely"
REAL_COSTS = {"TWOKEYS_ARGON2_MEMORY_KIB": "19456", "TWOKEYS_ARGON2_TIME_COST": "2"}
MEDIANS_WITHIN = 0.02
AUC_AT_MOST = 0.55
POOL = 40


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """The chance that a random one of `first` took longer than one of `second`; folded, so that 0.5 is the least."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, group) in enumerate(ranked, 1) if group == 0)
    above = (ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))
    return max(above, 1 - above)


async def _populate(services: Services, *, mixed: bool) -> tuple[list[str], list[str]]:
    known, disabled = [], []
    for number in range(POOL):
        known.append((await an_account(services, f"known{number}@example.com")).address)
        account = await an_account(services, f"disabled{number}@example.com")
        await services.admin.disable(account.id, an_operator(services))
        disabled.append(account.address)
    if mixed:
        moved = await _import(services)
        # In each group seven of ten, as in the table.
        known, disabled = (
            theirs[: POOL * 7 // 10] + ours[: POOL - POOL * 7 // 10]
            for theirs, ours in zip(moved, (known, disabled), strict=True)
        )
        # The process that is measured counts the hashes once a minute.
        await asyncio.sleep(61)
    return known, disabled


def _seven_hashes() -> list[str]:
    """In the proportion in which their formats stand in the table."""
    derived = base64.b64encode(hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"salt", 120_000)).decode()
    of_bcrypt = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    of_werkzeug = generate_password_hash(PASSWORD, "scrypt:32768:8:1")
    return [of_bcrypt] * 5 + [f"pbkdf2_sha256$120000$salt${derived}", of_werkzeug]


async def _import(services: Services) -> tuple[list[str], list[str]]:
    """So many active and disabled ones that those with a hash of our own, made above, are three in ten."""
    kept = _seven_hashes()
    groups = [[f"{status}{number}@example.com" for number in range(POOL * 7 // 3)] for status in ("active", "disabled")]
    lines = [
        json.dumps({"email": f"moved-{email}", "status": status, "password": {"hash": kept[number % 7]}}).encode()
        for status, emails in zip(("active", "disabled"), groups, strict=True)
        for number, email in enumerate(emails)
    ]
    await services.imports.begin(an_operator(services)).take(list(enumerate(lines, 1)))
    active, disabled = ([f"moved-{email}" for email in emails] for emails in groups)
    return active, disabled


def _asks(known: str, disabled: str, number: int) -> dict[str, tuple[str, dict[str, str]]]:
    # Many, so that their schemes stand in the proportion of the table.
    unknown = f"nobody{number}@example.com"
    login, reset = "/v1/login", "/v1/password-reset"
    return {
        "login: wrong password": (login, {"email": known, "password": WRONG}),
        "login: unknown address": (login, {"email": unknown, "password": WRONG}),
        "login: disabled account": (login, {"email": disabled, "password": PASSWORD}),
        "login: over-long, known": (login, {"email": known, "password": "x" * 5000}),
        "login: over-long, unknown": (login, {"email": unknown, "password": "x" * 5000}),
        "reset: known": (reset, {"email": known}),
        "reset: unknown": (reset, {"email": unknown}),
        "reset: disabled": (reset, {"email": disabled}),
    }


PAIRS = [
    ("login: wrong password", "login: unknown address"),
    ("login: wrong password", "login: disabled account"),
    ("login: over-long, known", "login: over-long, unknown"),
    ("reset: known", "reset: unknown"),
    ("reset: known", "reset: disabled"),
]


def _cpu_ms(pid: int) -> float:
    """Of a process and its threads, as exactly as Linux counts it; 0 elsewhere."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


@dataclass(frozen=True)
class Times:
    """Milliseconds of each answer to one kind of question: by the clock, and of the service's CPU."""

    clock: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


async def measure(attacked: Processes, rounds: int, *, mixed: bool) -> dict[str, Times]:
    """One question after the other, in a fresh random order each round."""
    known, disabled = await _populate(attacked.services, mixed=mixed)
    took: defaultdict[str, Times] = defaultdict(Times)
    for number in range(rounds + 5):
        asks = list(_asks(known[number % POOL], disabled[number % POOL], number).items())
        random.shuffle(asks)
        for name, (path, body) in asks:
            cpu, began = _cpu_ms(attacked.pids[0]), time.perf_counter()
            answer = await attacked.clients[0].post(path, json=body, headers={"X-Forwarded-For": new_address()})
            elapsed = (time.perf_counter() - began) * 1000
            assert answer.status_code == (202 if "reset" in path else 401), answer.text
            if number >= 5:
                took[name].clock.append(elapsed)
                took[name].cpu.append(_cpu_ms(attacked.pids[0]) - cpu)
        # Nobody is to be locked out by being measured.
        if number % 20 == 19:
            await attacked.execute("DELETE FROM password_streaks")
    return took


def _apart(first: Sequence[float], second: Sequence[float]) -> float:
    """How far their medians lie from each other."""
    medians = statistics.median(first), statistics.median(second)
    return abs(medians[0] - medians[1]) / max(*medians, 1e-9)


def report(took: Mapping[str, Times]) -> bool:
    """Prints the table; whether every pair is within the bounds."""
    fine = True
    print(f"{'pair':56} {'medians (ms)':>16} {'apart':>7} {'AUC':>6} {'CPU (ms)':>16} {'apart':>7}")
    for pair in PAIRS:
        first, second = (took[name] for name in pair)
        apart, area = _apart(first.clock, second.clock), auc(first.clock, second.clock)
        fine &= apart <= MEDIANS_WITHIN and area <= AUC_AT_MOST
        clock, cpu = (
            " ".join(f"{statistics.median(each):8.2f}" for each in both)
            for both in ((first.clock, second.clock), (first.cpu, second.cpu))
        )
        print(f"{' / '.join(pair):56} {clock} {apart:7.1%} {area:6.3f} {cpu} {_apart(first.cpu, second.cpu):7.1%}")
    return fine


async def _run(url: str, rounds: int, folder: Path, *, mixed: bool) -> bool:
    settings = Settings(
        database_url=SecretStr(url),
        secret_keys=(SecretStr(KEY),),
        argon2_memory_kib=19456,
        argon2_time_cost=2,
        run_worker=False,
    )
    async with processes(url, folder, settings, **REAL_COSTS) as attacked:
        return report(await measure(attacked, rounds, mixed=mixed))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--mixed", action="store_true", help="a table in the middle of a move")
    arguments = parser.parse_args()
    with start_server() as server, tempfile.TemporaryDirectory() as folder:
        url = asyncio.run(server.clone(f"enumeration_{os.getpid()}"))
        fine = asyncio.run(_run(url, arguments.rounds, Path(folder), mixed=arguments.mixed))
        asyncio.run(server.drop(f"enumeration_{os.getpid()}"))
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
