"""The composition root: every service of one process, wired together, and nowhere else."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.accounts.attempts.service import Attempts
from app.accounts.service import Accounts
from app.admin.service import Admin
from app.audit.service import AuditLog
from app.clients.batcher import IntrospectionBatcher
from app.clients.service import Clients
from app.database.engine import Database
from app.kernel.clock import Clock
from app.login.service import Login
from app.mail.delivery import Delivery
from app.mail.mailer import FolderMailer, Mailer, NoMailer, SmtpMailer
from app.mail.rendering import MailTemplates
from app.mail.service import Outbox
from app.password_reset.service import PasswordReset
from app.profile.service import Profile
from app.security.hasher import Hasher
from app.security.password_rules import PasswordRules
from app.security.secret_box import SecretBox
from app.settings import Mail, Settings, SettingsRefused
from app.tokens.service import Tokens
from app.two_factor.service import TwoFactor
from app.two_factor.verifier import CodeVerifier
from app.worker import Worker

if TYPE_CHECKING:
    from app.observability.tracing import Traces


@dataclass(frozen=True)
class Services:
    """The services of one process."""

    settings: Settings
    clock: Clock
    database: Database
    secret_box: SecretBox
    hasher: Hasher
    rules: PasswordRules
    audit_log: AuditLog
    outbox: Outbox
    accounts: Accounts
    tokens: Tokens
    two_factor: TwoFactor
    login: Login
    password_reset: PasswordReset
    profile: Profile
    clients: Clients
    admin: Admin
    delivery: Delivery
    worker: Worker
    traces: "Traces | None" = None

    async def close(self) -> None:
        self.hasher.close()
        self.rules.close()
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
        from app.observability.tracing import Traces  # noqa: PLC0415
    except ImportError:
        raise SettingsRefused(
            "TWOKEYS_TRACING needs OpenTelemetry: pip install --require-hashes -r requirements/otel.txt"
        ) from None
    return Traces()


def build_services(settings: Settings, clock: Clock, *, mail_folder: Path | None = None) -> Services:
    """Raises SettingsRefused. Opens no connection yet."""
    database = Database(settings.database_dsn(), pool_size=settings.database_pool_size, pgbouncer=settings.pgbouncer)
    secret_box = SecretBox(settings.keys())
    hasher = Hasher.of(settings)
    rules = PasswordRules(settings)
    audit_log = AuditLog()
    outbox = Outbox(secret_box)
    accounts = Accounts(database, clock, hasher, rules, Attempts(database, settings), audit_log)
    tokens = Tokens(database, clock, settings, audit_log, outbox)
    code_verifier = CodeVerifier(database, settings, secret_box, audit_log, outbox)
    two_factor = TwoFactor(database, clock, settings, secret_box, accounts, tokens, code_verifier, audit_log, outbox)
    login = Login(database, clock, settings, accounts, tokens, two_factor, code_verifier, audit_log)
    password_reset = PasswordReset(
        database, clock, settings, accounts, tokens, two_factor, code_verifier, audit_log, outbox
    )
    profile = Profile(database, clock, accounts, tokens, audit_log, outbox)
    batcher = IntrospectionBatcher(database, clock, timedelta(seconds=settings.session_idle_seconds))
    clients = Clients(database, clock, tokens, batcher)
    admin = Admin(database, clock, accounts, tokens, password_reset, audit_log, outbox)
    templates = MailTemplates(
        issuer=settings.issuer,
        mail_from=settings.mail_from,
        public_url=settings.public_url,
        reset_link=settings.password_reset_link,
    )
    mailer = _mailer(settings, mail_folder)
    if traces := open_traces(settings):
        traces.watch(database)
        mailer = traces.mails_of(mailer)
    delivery = Delivery(database, clock, secret_box, mailer, templates)
    worker = Worker(database, clock, settings, accounts, tokens, password_reset, delivery)
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        secret_box=secret_box,
        hasher=hasher,
        rules=rules,
        audit_log=audit_log,
        outbox=outbox,
        accounts=accounts,
        tokens=tokens,
        two_factor=two_factor,
        login=login,
        password_reset=password_reset,
        profile=profile,
        clients=clients,
        admin=admin,
        delivery=delivery,
        worker=worker,
        traces=traces,
    )
