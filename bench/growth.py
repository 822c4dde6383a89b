"""What calls cost in a large database, to what they cost in a small one: `python -m bench.growth [--accounts 5000000]`.

The calls are made in this process, in turns on both databases, and the plans of their statements in the large one are
looked at: none may read a large table from one end to the other.
"""

import argparse
import asyncio
import itertools
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from pydantic import SecretStr

from app.accounts.domain import Status
from app.admin.domain import AccountFilter
from app.audit.domain import EventFilter, EventType
from app.authentication.domain import TwoFactorStatus
from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from app.kernel.clock import SystemClock
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester
from app.services import Services, build_services
from app.settings import Settings
from bench.bulk import bulk_load
from bench.report import write_between
from bench.seed import (
    KEY,
    PASSWORD,
    WITH_TWO_FACTOR,
    account_id,
    address_of,
    bytes_a_row,
    fill,
    fill_events,
    token_of,
)
from bench.server import another_database
from tests.support.statements import executed, nodes, plan_of

FEW = 10_000
_TURNS = 61
_WARM_TURNS = 2
# A call that has taken so long altogether is not made again.
_LONG_MS = 10_000.0
_LARGE = {"accounts", "tokens", "events"}
_PREFIXES = tuple(f"{table}_" for table in _LARGE)
_BEGIN, _END = "<!-- growth: begin -->", "<!-- growth: end -->"
_numbers = itertools.count(1)

Call = Callable[[Services], Awaitable[object]]


@dataclass(frozen=True)
class Cost:
    """In milliseconds; infinite where the database gave the statement up. The ratio is the median of those of turns."""

    few: float
    many: float
    ratio: float


def _some() -> int:
    """Somebody, spread over the first ten thousand, who are there in both."""
    return next(_numbers) * 7919 % FEW


async def _list(services: Services) -> None:
    context = RequestContext(services.clock.now())
    caller = await services.tokens.check(token_of(_some()), context)
    await services.tokens.list_live(caller, after=None, limit=50)


async def _check(services: Services) -> None:
    await services.tokens.check(token_of(_some()), RequestContext(services.clock.now()))


async def _log_in(services: Services) -> None:
    """Of somebody without a device, from an address of their own: so many from one would be refused."""
    number = WITH_TWO_FACTOR + _some() % (FEW - WITH_TWO_FACTOR)
    requester = Requester(f"10.0.{number >> 8}.{number & 255}", None)
    context = RequestContext(services.clock.now(), requester)
    await services.login.by_password(address_of(number), SecretStr(PASSWORD), None, context)


def _accounts(**wanted: object) -> Call:
    async def page(services: Services) -> None:
        await services.admin.page(AccountFilter(**wanted), after=None, limit=50)  # type: ignore[arg-type]

    return page


def _events(wanted: EventFilter) -> Call:
    async def page(services: Services) -> None:
        await services.admin.events(wanted, after=None, limit=50)

    return page


def calls(at: datetime) -> Mapping[str, Call]:
    """By what they are called in the table. The seed makes everybody at once, `at`, and some with a device."""
    found: dict[str, Call] = {
        "check of a token": _check,
        "log-in": _log_in,
        "list of one's tokens": _list,
        "coverage": lambda services: services.admin.coverage.latest(),
        "accounts": _accounts(),
        "accounts: email": _accounts(email=address_of(77)),
        "accounts: email_prefix, one fits": _accounts(email_prefix="person77@"),
        "accounts: email_prefix, all fit": _accounts(email_prefix="person"),
        "accounts: email_prefix, none fits": _accounts(email_prefix="nobody"),
        "accounts: external_id": _accounts(external_id="u-1"),
        "accounts: created_before": _accounts(created_before=at - timedelta(days=1)),
        "accounts: created_after": _accounts(created_after=at - timedelta(days=1)),
        "accounts: overdue": _accounts(overdue=True),
        "a round of sweeps": lambda services: services.worker.sweep(),
        "events": _events(EventFilter()),
        "events: account_id": _events(EventFilter(account_id=account_id(77))),
        "events: from, to": _events(EventFilter(since=at - timedelta(days=3), before=at - timedelta(days=2))),
    }
    found |= {f"accounts: status={status}": _accounts(status=status) for status in Status}
    found |= {f"accounts: two_factor={status}": _accounts(two_factor=status) for status in TwoFactorStatus}
    types = (EventType.LOGIN_FAILED, EventType.ACCOUNT_DELETED, EventType.ACCOUNT_EPOCH_TURNED)
    found |= {f"events: type={type}": _events(EventFilter(type=type)) for type in types}
    return found


async def _took(call: Call, services: Services) -> float:
    began = time.perf_counter()
    try:
        await call(services)
    except Exception:  # noqa: BLE001 - a statement that takes too long is refused
        return float("inf")
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def _serving(url: str) -> AsyncIterator[Services]:
    """With a coverage that the worker has counted, where it keeps that."""
    services = build_services(Settings(database_url=SecretStr(url), secret_keys=(SecretStr(KEY),)), SystemClock())
    try:
        await services.admin.measure_coverage()
        yield services
    finally:
        await services.close()


async def costs(few: str, many: str, turns: int = _TURNS) -> Mapping[str, Cost]:
    """Of each call, the medians of calls in turns; each database is the first every other time."""
    found = {}
    async with _serving(few) as small, _serving(many) as large:
        for name, call in calls(datetime.now(UTC)).items():
            took: tuple[list[float], list[float]] = ([], [])
            # The first ones read pages and prepare statements.
            for turn in range(turns + _WARM_TURNS):
                both = [(took[0], small), (took[1], large)]
                for each, services in both if turn % 2 else reversed(both):
                    each.append(await _took(call, services))
                if turn > _WARM_TURNS and sum(took[1]) > _LONG_MS:
                    break
            counted = [each[_WARM_TURNS:] for each in took]
            ratios = [large / small for small, large in zip(*counted, strict=True)]
            found[name] = Cost(*(statistics.median(each) for each in (*counted, ratios)))
    return found


async def indexes(url: str) -> Mapping[str, Sequence[str]]:
    """Of each call, the indexes that its statements look into. Raises where one reads a large table without any."""
    found = {}
    connection = await asyncpg.connect(url)
    try:
        for name, call in calls(datetime.now(UTC)).items():
            # Of its own each time: what a call leaves to write later counts as its own.
            async with _serving(url) as services:
                with executed(services) as sent:
                    await call(services)
                plans = [node for each in sent for node in nodes(await plan_of(connection, *each))]
                whole = {node["Relation Name"] for node in plans if node["Node Type"] == "Seq Scan"} & _LARGE
                if whole:
                    raise AssertionError(f"{name} reads all of {', '.join(sorted(whole))}.")
                found[name] = sorted({node["Index Name"] for node in plans if "Index Name" in node})
    finally:
        await connection.close()
    return found


async def _grown(postgres: EmbeddedPostgres, name: str, accounts: int) -> str:
    url = await another_database(postgres, name)
    await migrate(url)
    async with bulk_load(url):
        at = datetime.now(UTC)
        await fill(url, accounts, at)
        await fill_events(url, accounts, at)
    return url


@contextmanager
def _databases(accounts: int) -> Iterator[tuple[str, str]]:
    with EmbeddedPostgres(settings={**DISPOSABLE, "shared_buffers": "1GB", "max_wal_size": "1GB"}) as postgres:
        yield asyncio.run(_grown(postgres, "few", FEW)), asyncio.run(_grown(postgres, "many", accounts))


def _markdown(costs: Mapping[str, Cost], indexes: Mapping[str, Sequence[str]], sizes: Mapping[str, float]) -> str:
    lines = ["| call | small | large | ratio | indexes of large tables |", "|---|---|---|---|---|"]
    for name, cost in costs.items():
        used = ", ".join(f"`{index}`" for index in indexes[name] if index.startswith(_PREFIXES))
        lines.append(f"| {name} | {cost.few:,.1f} ms | {cost.many:,.1f} ms | {cost.ratio:.2f} | {used} |")
    rows = ", ".join(f"{table} {size:,.0f}" for table, size in sizes.items())
    load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    return "\n".join([*lines, "", f"Bytes a row, indexes included: {rows}. Medians of {_TURNS} turns at {load}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--on", nargs=2, help="two databases that are filled, the small one first")
    parser.add_argument("--write", action="store_true", help="renew the table in docs/evidence/performance.md")
    arguments = parser.parse_args()
    with nullcontext(arguments.on) if arguments.on else _databases(arguments.accounts) as (few, many):
        found = asyncio.run(costs(few, many)), asyncio.run(indexes(many)), asyncio.run(bytes_a_row(many))
    print(_markdown(*found))
    if arguments.write:
        write_between(_BEGIN, _END, _markdown(*found))


if __name__ == "__main__":
    main()
