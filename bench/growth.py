"""What calls cost in a large database, to what they cost in a small one: `python -m bench.growth [--accounts 5000000]`.

The calls that read or sweep are made in this process, in turns on both databases; a log-in and a check over HTTP are
in `make bench`.
"""

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from app.accounts.domain import Status
from app.admin.domain import AccountFilter
from app.audit.domain import EventFilter, EventType
from app.authentication.domain import TwoFactorStatus
from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from app.kernel.clock import SystemClock
from app.kernel.request_context import RequestContext
from app.services import Services, build_services
from app.settings import Settings
from bench.bulk import bulk_load
from bench.seed import KEY, account_id, address_of, fill, fill_events, token_of
from bench.server import another_database

FEW = 10_000
_TURNS = 21
_WARM_TURNS = 2
# A call that has taken so long altogether is not made again.
_LONG_MS = 10_000.0
_numbers = itertools.count(1)

Call = Callable[[Services], Awaitable[object]]


@dataclass(frozen=True)
class Cost:
    """In milliseconds; infinite where the database gave the statement up."""

    few: float
    many: float

    @property
    def ratio(self) -> float:
        return self.many / self.few


def _some() -> int:
    """Somebody, spread over the first ten thousand, who are there in both."""
    return next(_numbers) * 7919 % FEW


async def _list(services: Services) -> None:
    context = RequestContext(services.clock.now())
    caller = await services.tokens.check(token_of(_some()), context)
    await services.tokens.list_live(caller, after=None, limit=50)


async def _check(services: Services) -> None:
    await services.tokens.check(token_of(_some()), RequestContext(services.clock.now()))


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
    types = (EventType.LOGIN_FAILED, EventType.ACCOUNT_DELETED)
    found |= {f"events: type={type}": _events(EventFilter(type=type)) for type in types}
    return found


async def _took(call: Call, services: Services) -> float:
    began = time.perf_counter()
    try:
        await call(services)
    except Exception:  # noqa: BLE001 - a statement that takes too long is refused
        return float("inf")
    return (time.perf_counter() - began) * 1000


async def costs(few: str, many: str, turns: int = _TURNS) -> Mapping[str, Cost]:
    """Of each call, the medians of calls in turns."""
    both = [
        build_services(Settings(database_url=SecretStr(url), secret_keys=(SecretStr(KEY),)), SystemClock())
        for url in (few, many)
    ]
    found = {}
    for name, call in calls(datetime.now(UTC)).items():
        took: tuple[list[float], list[float]] = ([], [])
        # The first ones read pages and prepare statements.
        for turn in range(turns + _WARM_TURNS):
            for each, services in zip(took, both, strict=True):
                each.append(await _took(call, services))
            if turn > _WARM_TURNS and sum(took[1]) > _LONG_MS:
                break
        found[name] = Cost(*(statistics.median(each[_WARM_TURNS:]) for each in took))
    for services in both:
        await services.close()
    return found


async def _grown(postgres: EmbeddedPostgres, name: str, accounts: int) -> str:
    url = await another_database(postgres, name)
    await migrate(url)
    async with bulk_load(url):
        at = datetime.now(UTC)
        await fill(url, accounts, at)
        await fill_events(url, accounts, at)
    return url


async def _run(accounts: int) -> Mapping[str, Cost]:
    settings = {**DISPOSABLE, "shared_buffers": "1GB", "max_wal_size": "4GB"}
    with EmbeddedPostgres(settings=settings) as postgres:
        return await costs(await _grown(postgres, "few", FEW), await _grown(postgres, "many", accounts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--on", nargs=2, help="two databases that are filled, the small one first")
    arguments = parser.parse_args()
    found = asyncio.run(costs(*arguments.on) if arguments.on else _run(arguments.accounts))
    for name, cost in sorted(found.items(), key=lambda each: -each[1].ratio):
        print(f"{name:38} {cost.few:9.2f} ms {cost.many:9.2f} ms  {cost.ratio:6.2f} x")


if __name__ == "__main__":
    main()
