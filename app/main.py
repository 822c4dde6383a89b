"""The FastAPI application: routes, middleware and lifespan around the services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI

from app.admin.access.routes import access_routes
from app.admin.routes import account_routes, event_routes
from app.clients.routes import OAUTH_PATHS, client_routes, forward_auth_routes
from app.console import DevelopmentNotice, mount_console, mount_docs
from app.database.engine import Database
from app.email_change.routes import email_change_routes
from app.frontend_config.routes import frontend_config_routes
from app.http.cors import Cors
from app.http.health import health_routes
from app.http.middleware import RequestMiddleware
from app.http.openapi import describe, method_name
from app.http.problems import answer_with_problems
from app.http.request_line import RequestLine
from app.http.shedding import Shedding
from app.http.shortcut import Shortcut, direct_routes
from app.imports.routes import PATH as IMPORTS_PATH
from app.imports.routes import import_routes
from app.kernel.clock import Clock, SystemClock
from app.login.routes import login_routes
from app.not_me.routes import not_me_routes
from app.observability.metrics import mount_metrics
from app.password_reset.routes import password_reset_routes
from app.profile.routes import profile_routes
from app.reauthentication.routes import reauthentication_routes
from app.services import Services, build_services
from app.settings import Settings
from app.tokens.guard import Guard
from app.tokens.routes import token_routes
from app.two_factor.authenticators.routes import authenticator_routes
from app.two_factor.clearing.routes import clearing_routes
from app.two_factor.routes import two_factor_routes
from app.two_factor.tickets.routes import ticket_routes
from app.webhooks.routes import webhook_routes


def create_app(
    settings: Settings,
    clock: Clock | None = None,
    *,
    database: Database | None = None,
    mail_folder: Path | None = None,
    notice: DevelopmentNotice | None = None,
) -> FastAPI:
    """The service over one database, or over a pool of connections that is there already. Raises SettingsRefused."""
    services = build_services(settings, clock or SystemClock(), database=database, mail_folder=mail_folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with services.worker.running(with_worker=settings.run_worker):
            yield
        await services.close()

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
    app.state.services = services
    app.state.clock = services.clock
    answer_with_problems(app)
    routers = _routers(services)
    for router in routers:
        app.include_router(router)
    describe(app)
    if settings.docs:
        mount_docs(app)
    if settings.console:
        mount_console(app, settings.public_url, notice)
    if settings.metrics:
        mount_metrics(app)
    # What is added last stands outermost.
    app.add_middleware(Shortcut, routes=direct_routes(routers))
    app.add_middleware(RequestLine)
    app.add_middleware(Shedding, path="/v1/login", refuse_when_full=services.hasher.refuse_when_full)
    app.add_middleware(
        RequestMiddleware,
        trusted_proxies=settings.trusted_proxies,
        streaming=frozenset({IMPORTS_PATH}),
        oauth=OAUTH_PATHS,
    )
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    if services.traces:
        app.add_middleware(services.traces.requests_of)
    return app


def _routers(services: Services) -> list[APIRouter]:
    guard = Guard(services.tokens)
    languages = services.delivery.templates.languages
    return [
        client_routes(services.clients),
        forward_auth_routes(services.clients, guard),
        login_routes(services.login, services.credential_login),
        ticket_routes(services.tickets),
        profile_routes(services.profile, services.two_factor, services.tokens, guard),
        two_factor_routes(services.two_factor, guard),
        authenticator_routes(services.authenticators, guard),
        reauthentication_routes(services.reauthentication, guard),
        password_reset_routes(services.password_reset),
        clearing_routes(services.clearing),
        email_change_routes(services.email_change, guard),
        not_me_routes(services.not_me),
        token_routes(services.tokens, services.personal_tokens, guard),
        account_routes(services.admin, services.clients),
        access_routes(services.access, services.clients),
        event_routes(services.admin, services.clients),
        webhook_routes(services.webhooks, services.clients),
        import_routes(services.imports, services.clients),
        frontend_config_routes(services.settings, services.passwords, languages),
        health_routes(services.database),
    ]
