"""The FastAPI application: routes, middleware and lifespan around the services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from app.admin.routes import admin_routes
from app.clients.routes import client_routes, forward_auth_routes
from app.console import DevelopmentNotice, mount_console, mount_docs
from app.frontend_config.routes import frontend_config_routes
from app.http.cors import Cors
from app.http.health import health_routes
from app.http.middleware import RequestMiddleware
from app.http.openapi import describe, method_name
from app.http.problems import answer_with_problems
from app.http.request_line import RequestLine
from app.http.shedding import Shedding
from app.kernel.clock import Clock, SystemClock
from app.login.routes import login_routes
from app.observability.metrics import mount_metrics
from app.password_reset.routes import password_reset_routes
from app.profile.routes import profile_routes
from app.services import Services, build_services
from app.settings import Settings
from app.tokens.guard import Guard
from app.tokens.routes import token_routes
from app.two_factor.routes import two_factor_routes


def create_app(
    settings: Settings,
    clock: Clock | None = None,
    *,
    mail_folder: Path | None = None,
    notice: DevelopmentNotice | None = None,
) -> FastAPI:
    """The service over one database. Raises SettingsRefused."""
    house = build_services(settings, clock or SystemClock(), mail_folder=mail_folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with house.worker.running(with_worker=settings.run_worker):
            yield
        await house.close()

    app = FastAPI(
        title="Twokeys",
        lifespan=lifespan,
        # A redirect would send a POST to whatever the Host header says.
        redirect_slashes=False,
        # Its page would load Swagger UI from a stranger's host; `mount_docs` has one of ours.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=method_name,
        # Its own traces and logs hold paths, queries and what exceptions say; ours are in observability/tracing.py.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        openapi_url="/openapi.json" if settings.docs else None,
    )
    app.state.services = house
    answer_with_problems(app)
    _add_routes(app, house)
    describe(app)
    if settings.docs:
        mount_docs(app)
    if settings.console:
        mount_console(app, notice)
    if settings.metrics:
        mount_metrics(app)
    # What is added last stands outermost.
    app.add_middleware(RequestLine)
    app.add_middleware(Shedding, path="/v1/login", refuse_when_full=house.hasher.refuse_when_full)
    app.add_middleware(RequestMiddleware, trusted_proxies=settings.trusted_proxies)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    if house.traces:
        app.add_middleware(house.traces.requests_of)
    return app


def _add_routes(app: FastAPI, house: Services) -> None:
    guard = Guard(house.tokens)
    # Routers are tried in this order, and the check of a token comes a thousand times as often as anything else.
    app.include_router(client_routes(house.clients))
    app.include_router(forward_auth_routes(house.clients, guard))
    app.include_router(login_routes(house.login))
    app.include_router(profile_routes(house.profile, house.two_factor, guard))
    app.include_router(two_factor_routes(house.two_factor, guard))
    app.include_router(password_reset_routes(house.password_reset))
    app.include_router(token_routes(house.tokens, guard))
    app.include_router(admin_routes(house.admin, house.clients))
    app.include_router(frontend_config_routes(house.settings))
    app.include_router(health_routes(house.database))
