"""What tests stand on: one Postgres for the run, a fresh database each, a clock that moves only when told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis import settings as examples

from app.database.engine import Database
from app.kernel.clock import Clock
from app.main import create_app
from app.security.secret_box import SecretBox
from app.services import Services, build_services
from app.settings import Settings
from tests.support.documented import events_must_fit, must_be_documented
from tests.support.people import quick_settings
from tests.support.postgres import Server, Spare, Spares

pytest_plugins = ["tests.support.parallel"]


# How long an example takes says how busy the machine is. On CI its own profile, which draws the same each time, stays.
examples.register_profile("patient", examples(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("patient")
# An error that is logged shows lines of code, as in production. The values of all locals would take minutes to draw.
_renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _renderer])


_APPLICATIONS = 24
_idle: list[tuple[tuple[type[Clock], type[Database | None], str], FastAPI]] = []
"""What settings each was made for, and the application; the one that was used last stands at the end."""


@asynccontextmanager
async def running_application(
    settings: Settings, clock: Clock, database: Database | None = None
) -> AsyncIterator[FastAPI]:
    """What `create_app` makes, from its start to its end.

    Most of what putting it together takes, a tenth of a second, goes into its routes. So tests with equal settings have
    the same routes, one after the other, over services of their own.
    """
    key = type(clock), type(database), repr(settings.model_copy(update={"database_url": None}))
    found = next((each for each in _idle if each[0] == key), None)
    if found:
        _idle.remove(found)
        _, app = found
        _replace(app.state.services, build_services(settings, clock, database=database))
        # Middleware counts; it is put together anew at the first request.
        app.middleware_stack = None
    else:
        app = create_app(settings, clock, database=database)
    async with app.router.lifespan_context(app):
        yield app
    if app.state.services.traces is None:
        _idle.append((key, app))
        del _idle[:-_APPLICATIONS]


def as_local(app: FastAPI) -> httpx.ASGITransport:
    """Requests that reach it from this machine."""
    return httpx.ASGITransport(app, client=("127.0.0.1", 40000))


def _replace(old: Services, new: Services) -> None:
    """The routes know the old services; from now on these share all that the new ones have, and will have."""
    for each in fields(Services):
        known, fresh = getattr(old, each.name), getattr(new, each.name)
        if known is not None:
            object.__setattr__(known, "__dict__", vars(fresh))


class SetClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        self._at += by


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def spares(anyio_backend: str, postgres: Server) -> AsyncIterator[Spares]:
    found = Spares(postgres)
    yield found
    await found.drop()


@pytest.fixture
async def spare(anyio_backend: str, spares: Spares) -> AsyncIterator[Spare]:
    async with spares.one() as found:
        yield found


@pytest.fixture
def database_url(spare: Spare) -> str:
    """A migrated database without a row."""
    return spare.url


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC))


@pytest.fixture
def secret_box() -> SecretBox:
    return SecretBox((b"0123456789abcdefghijklmnopqrstuv",))


@pytest.fixture
def database(spare: Spare) -> Database:
    return spare.database


@pytest.fixture
def changes() -> dict[str, Any]:
    """See `tests.support.marks.given_settings`."""
    return {}


@pytest.fixture
def settings(database_url: str, changes: dict[str, Any]) -> Settings:
    """The default settings, with a cheap hash; a test changes what it is about with `given_settings`."""
    settings = quick_settings(
        database_url,
        trusted_proxies=(ip_network("127.0.0.0/8"),),
        run_worker=False,
        console=False,
        docs=True,
        metrics=True,
    )
    return settings.model_copy(update=changes)


@pytest.fixture
async def api(settings: Settings, clock: SetClock, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The service in this process, each answer held against the document; `services` leads to its services."""
    hooks: dict[str, list[Any]] = {"response": [must_be_documented]}
    async with (
        running_application(settings, clock, database) as app,
        httpx.AsyncClient(transport=as_local(app), base_url="http://test", event_hooks=hooks) as client,
    ):
        client.services = app.state.services  # type: ignore[attr-defined]
        yield client
        await events_must_fit(app.state.services)


@pytest.fixture
def services(api: httpx.AsyncClient) -> Services:
    """The services behind `api`."""
    found = api.services  # type: ignore[attr-defined]
    assert isinstance(found, Services)
    return found
