"""Where the rooms are put together, and nowhere else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from app.accounts.attempts import Attempts
from app.accounts.service import Accounts
from app.activity.delivery import Delivery
from app.activity.letters import Letters
from app.activity.service import Journal
from app.admin.routes import admin_routes
from app.admin.service import Admin
from app.clients.introspection import Desk
from app.clients.routes import client_routes, forward_auth_routes
from app.clients.service import Clients
from app.console import DevelopmentNotice, mount_console, mount_docs, mount_mailbox
from app.frontend_config.routes import frontend_config_routes
from app.infrastructure.cors import Cors
from app.infrastructure.database import Database
from app.infrastructure.health import health_routes
from app.infrastructure.http import Manners
from app.infrastructure.mailer import FolderMailer, Mailer, NoMailer, SmtpMailer
from app.infrastructure.metrics import mount_metrics
from app.infrastructure.openapi import describe, method_name
from app.infrastructure.passwords import Hasher
from app.infrastructure.problems import answer_with_problems
from app.infrastructure.settings import Mail, Settings, SettingsRefused
from app.infrastructure.shedding import Shedding
from app.infrastructure.strength import PasswordRules
from app.infrastructure.vault import Vault
from app.kernel.clock import Clock, SystemClock
from app.login.routes import login_routes
from app.login.service import Login
from app.password_reset.routes import password_reset_routes
from app.password_reset.service import PasswordReset
from app.profile.routes import profile_routes
from app.profile.service import Profile
from app.tokens.guard import Guard
from app.tokens.routes import token_routes
from app.tokens.service import Tokens
from app.two_factor.codes import Codes
from app.two_factor.routes import two_factor_routes
from app.two_factor.service import TwoFactor
from app.upkeep import Upkeep

if TYPE_CHECKING:
    from app.infrastructure.tracing import Traces


@dataclass(frozen=True)
class House:
    """The rooms of one process."""

    settings: Settings
    clock: Clock
    database: Database
    vault: Vault
    hasher: Hasher
    rules: PasswordRules
    journal: Journal
    accounts: Accounts
    tokens: Tokens
    two_factor: TwoFactor
    login: Login
    password_reset: PasswordReset
    profile: Profile
    clients: Clients
    admin: Admin
    delivery: Delivery
    upkeep: Upkeep
    traces: "Traces | None" = None

    async def close(self) -> None:
        self.hasher.close()
        await self.database.close()
        if self.traces:
            await self.traces.close()


def _mailer(settings: Settings, mail_folder: Path | None) -> Mailer:
    if settings.mail is Mail.OFF:
        return NoMailer()
    if settings.smtp_url is not None:
        return SmtpMailer(settings.smtp_url)
    return FolderMailer(mail_folder) if mail_folder else NoMailer()


def open_traces(settings: Settings) -> "Traces | None":
    """None where nobody asks for traces; then OpenTelemetry is not even imported. Raises SettingsRefused."""
    if not settings.tracing:
        return None
    try:
        from app.infrastructure.tracing import Traces  # noqa: PLC0415
    except ImportError:
        raise SettingsRefused(
            "TWOKEYS_TRACING needs OpenTelemetry: pip install --require-hashes -r requirements/otel.txt"
        ) from None
    return Traces()


def build_house(settings: Settings, clock: Clock, *, mail_folder: Path | None = None) -> House:
    """Raises SettingsRefused. Opens no connection yet."""
    database = Database(settings.database_dsn(), pool_size=settings.database_pool_size, pgbouncer=settings.pgbouncer)
    vault = Vault(settings.keys())
    hasher = Hasher.of(settings)
    rules = PasswordRules(settings)
    journal = Journal(vault)
    accounts = Accounts(database, clock, hasher, rules, Attempts(database, settings), journal)
    tokens = Tokens(database, clock, settings, journal)
    codes = Codes(database, settings, vault, journal)
    two_factor = TwoFactor(database, clock, settings, vault, accounts, tokens, codes, journal)
    login = Login(database, clock, settings, accounts, tokens, two_factor, codes, journal)
    password_reset = PasswordReset(database, clock, settings, accounts, tokens, two_factor, codes, journal)
    profile = Profile(database, clock, accounts, tokens, journal)
    desk = Desk(database, clock, timedelta(seconds=settings.session_idle_seconds))
    clients = Clients(database, clock, tokens, desk)
    admin = Admin(database, clock, accounts, tokens, password_reset, journal)
    letters = Letters(issuer=settings.issuer, mail_from=settings.mail_from, public_url=settings.public_url)
    mailer = _mailer(settings, mail_folder)
    if traces := open_traces(settings):
        traces.watch(database)
        mailer = traces.mails_of(mailer)
    delivery = Delivery(database, clock, vault, mailer, letters)
    upkeep = Upkeep(database, clock, settings, accounts, tokens, password_reset, delivery)
    return House(
        settings=settings,
        clock=clock,
        database=database,
        vault=vault,
        hasher=hasher,
        rules=rules,
        journal=journal,
        accounts=accounts,
        tokens=tokens,
        two_factor=two_factor,
        login=login,
        password_reset=password_reset,
        profile=profile,
        clients=clients,
        admin=admin,
        delivery=delivery,
        upkeep=upkeep,
        traces=traces,
    )


def create_app(
    settings: Settings,
    clock: Clock | None = None,
    *,
    mail_folder: Path | None = None,
    notice: DevelopmentNotice | None = None,
) -> FastAPI:
    """The service over one database. Raises SettingsRefused."""
    house = build_house(settings, clock or SystemClock(), mail_folder=mail_folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with house.upkeep.running(with_worker=settings.run_worker):
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
        # Its own traces and logs hold paths, queries and what exceptions say; ours are in infrastructure/tracing.py.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        openapi_url="/openapi.json" if settings.docs else None,
    )
    app.state.house = house
    answer_with_problems(app)
    _add_routes(app, house)
    describe(app)
    if settings.docs:
        mount_docs(app)
    if settings.console:
        mount_console(app, notice)
    if mail_folder is not None:
        mount_mailbox(app, mail_folder)
    if settings.metrics:
        mount_metrics(app)
    # What is added last stands outermost.
    app.add_middleware(Shedding, path="/v1/login", refuse_when_full=house.hasher.refuse_when_full)
    app.add_middleware(Manners, trusted_proxies=settings.trusted_proxies)
    if settings.cors_origins:
        app.add_middleware(Cors, origins=settings.cors_origins)
    if house.traces:
        app.add_middleware(house.traces.requests_of)
    return app


def _add_routes(app: FastAPI, house: House) -> None:
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
