"""The application in this process, for one test.

Most of what putting it together takes, a tenth of a second, goes into its routes. So tests with equal settings have
the same routes, one after the other, over services of their own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields

import httpx
from fastapi import FastAPI

from app.database.engine import Database
from app.kernel.clock import Clock
from app.main import create_app
from app.services import Services, build_services
from app.settings import Settings

_KEPT = 4
_idle: list[tuple[tuple[type[Clock], type[Database | None], str], FastAPI]] = []
"""What settings each was made for, and the application; the one that was used last stands at the end."""


@asynccontextmanager
async def running_application(
    settings: Settings, clock: Clock, database: Database | None = None
) -> AsyncIterator[FastAPI]:
    """What `create_app` makes, from its start to its end."""
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
        del _idle[:-_KEPT]


def as_local(app: FastAPI) -> httpx.ASGITransport:
    """Requests that reach it from this machine."""
    return httpx.ASGITransport(app, client=("127.0.0.1", 40000))


def _replace(old: Services, new: Services) -> None:
    """The routes know the old services; from now on these share all that the new ones have, and will have."""
    for each in fields(Services):
        known, fresh = getattr(old, each.name), getattr(new, each.name)
        if known is not None:
            object.__setattr__(known, "__dict__", vars(fresh))
