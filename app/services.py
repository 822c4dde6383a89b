"""The composition root: every service of one process, wired together, and nowhere else."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.accounts.attempts.service import Attempts
from app.accounts.domain import EnrollmentPolicy
from app.accounts.foreign.service import AccountTransfer, ForeignPasswords
from app.accounts.service import Accounts
from app.admin.service import Admin
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange
from app.clients.batcher import IntrospectionBatcher
from app.clients.service import Clients
from app.database.engine import Database
from app.email_change.service import EmailChange
from app.imports.export import Export
from app.imports.service import Imports
from app.kernel.clock import Clock
from app.login.service import Login
from app.mail.catalog import BrokenTemplate
from app.mail.delivery import Delivery
from app.mail.mailer import FolderMailer, Mailer, NoMailer, SmtpMailer
from app.mail.rendering import MailTemplates
from app.mail.service import Outbox
from app.not_me.service import NotMe
from app.password_reset.service import PasswordReset
from app.profile.service import Profile
from app.reauthentication.service import Reauthentication
from app.security.hasher import Hasher
from app.security.password_rules import PasswordRules
from app.security.secret_box import SecretBox
from app.settings import Mail, Settings, SettingsRefused, TwoFactorPolicy
from app.tokens.announcements import Announcements
from app.tokens.service import Tokens
from app.two_factor.additions import Additions
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.credentials import CredentialVerifier
from app.two_factor.deadlines import Deadlines
from app.two_factor.enrolling import Enrolling
from app.two_factor.service import TwoFactor
from app.two_factor.signed_challenges import ChallengeSigner
from app.two_factor.tickets.service import TicketService
from app.two_factor.transfer import AuthenticatorTransfer
from app.two_factor.verifier import CodeVerifier
from app.two_factor.webauthn import RelyingParty
from app.webhooks.delivery import WebhookDelivery
from app.webhooks.sender import Sender
from app.webhooks.service import Webhooks
from app.webhooks.targets import TargetRules
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
    credentials: CredentialVerifier
    authenticators: AuthenticatorService
    tickets: TicketService
    reauthentication: Reauthentication
    login: Login
    password_reset: PasswordReset
    email_change: EmailChange
    not_me: NotMe
    profile: Profile
    clients: Clients
    admin: Admin
    imports: Imports
    export: Export
    delivery: Delivery
    webhooks: Webhooks
    webhook_delivery: WebhookDelivery
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


def _templates(settings: Settings) -> MailTemplates:
    """Raises SettingsRefused for a template of the operator's that is broken."""
    try:
        return MailTemplates(
            issuer=settings.issuer,
            mail_from=settings.mail_from,
            public_url=settings.public_url,
            reset_link=settings.password_reset_link,
            email_change_link=settings.email_change_link,
            email_change_undo_link=settings.email_change_undo_link,
            reset_policy=settings.password_reset_policy,
            accent_color=settings.accent_color,
            folder=settings.mail_templates,
        )
    except BrokenTemplate as error:
        raise SettingsRefused(f"TWOKEYS_MAIL_TEMPLATES: {error}") from None


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
    audit_log = AuditLog(timedelta(days=settings.event_retention_days))
    outbox = Outbox(secret_box)
    foreign = ForeignPasswords(database, clock, secret_box)
    accounts = Accounts(
        database=database,
        hasher=hasher,
        rules=rules,
        attempts=Attempts(database, settings),
        foreign=foreign,
        audit_log=audit_log,
        reserved_domains=settings.reserved_domains,
        policy=EnrollmentPolicy(
            required=settings.two_factor_policy is TwoFactorPolicy.REQUIRED,
            grace=timedelta(seconds=settings.two_factor_grace_seconds),
        ),
    )
    tokens = Tokens(
        database=database, clock=clock, settings=settings, accounts=accounts, audit_log=audit_log, outbox=outbox
    )
    changes = CredentialChange(database=database, accounts=accounts, tokens=tokens, audit_log=audit_log, outbox=outbox)
    clearing = TwoFactorClearing(
        database=database,
        clock=clock,
        settings=settings,
        accounts=accounts,
        changes=changes,
        audit_log=audit_log,
        outbox=outbox,
    )
    verifier = CodeVerifier(
        database=database,
        settings=settings,
        secret_box=secret_box,
        accounts=accounts,
        clearing=clearing,
        audit_log=audit_log,
        outbox=outbox,
    )
    additions = Additions(
        database=database,
        tokens=tokens,
        changes=changes,
        policy=accounts.policy,
        verifier=verifier,
        audit_log=audit_log,
        outbox=outbox,
    )
    enrolling = Enrolling(
        database=database, settings=settings, secret_box=secret_box, verifier=verifier, audit_log=audit_log
    )
    credentials = CredentialVerifier(
        database=database,
        party=RelyingParty(settings.relying_party_id, settings.issuer, settings.relying_party_origins),
        signer=ChallengeSigner(settings.keys()),
        wrong_per_challenge=settings.wrong_codes_per_challenge,
        accounts=accounts,
        clearing=clearing,
        audit_log=audit_log,
        outbox=outbox,
    )
    authenticators = AuthenticatorService(
        database=database,
        fresh_seconds=settings.fresh_seconds,
        accounts=accounts,
        tokens=tokens,
        changes=changes,
        additions=additions,
        credentials=credentials,
        audit_log=audit_log,
    )
    two_factor = TwoFactor(
        database=database,
        clock=clock,
        settings=settings,
        accounts=accounts,
        tokens=tokens,
        changes=changes,
        verifier=verifier,
        clearing=clearing,
        enrolling=enrolling,
        additions=additions,
        audit_log=audit_log,
        outbox=outbox,
    )
    tickets = TicketService(
        database=database,
        accounts=accounts,
        changes=changes,
        enrolling=enrolling,
        authenticators=authenticators,
        additions=additions,
    )
    reauthentication = Reauthentication(
        database=database,
        clock=clock,
        accounts=accounts,
        tokens=tokens,
        two_factor=two_factor,
        credentials=credentials,
    )
    password_reset = PasswordReset(
        database=database,
        clock=clock,
        settings=settings,
        accounts=accounts,
        changes=changes,
        two_factor=two_factor,
        audit_log=audit_log,
        outbox=outbox,
    )
    login = Login(
        database=database,
        settings=settings,
        accounts=accounts,
        tokens=tokens,
        two_factor=two_factor,
        tickets=tickets,
        credentials=credentials,
        audit_log=audit_log,
        outbox=outbox,
        send_reset_link=password_reset.send_requested_link,
    )
    email_change = EmailChange(
        database=database,
        clock=clock,
        settings=settings,
        accounts=accounts,
        tokens=tokens,
        changes=changes,
        authenticators=authenticators,
        clearing=clearing,
        audit_log=audit_log,
        outbox=outbox,
    )
    not_me = NotMe(database=database, changes=changes, password_reset=password_reset, outbox=outbox)
    profile = Profile(
        database=database,
        accounts=accounts,
        tokens=tokens,
        two_factor=two_factor,
        changes=changes,
        audit_log=audit_log,
    )
    batcher = IntrospectionBatcher(database, clock, tokens.rules)
    clients = Clients(database, clock, tokens, batcher)
    admin = Admin(
        database=database,
        clock=clock,
        accounts=accounts,
        tokens=tokens,
        changes=changes,
        two_factor=two_factor,
        authenticators=authenticators,
        password_reset=password_reset,
        email_change=email_change,
        audit_log=audit_log,
        outbox=outbox,
    )
    transfer = AuthenticatorTransfer(secret_box)
    imports = Imports(
        database=database,
        clock=clock,
        secret_box=secret_box,
        hasher=hasher,
        accounts=AccountTransfer(),
        foreign=foreign,
        authenticators=transfer,
        audit_log=audit_log,
        hashing=asyncio.Semaphore(1),
    )
    templates = _templates(settings)
    mailer = _mailer(settings, mail_folder)
    if traces := open_traces(settings):
        traces.watch(database)
        mailer = traces.mails_of(mailer)
    deadlines = Deadlines(accounts)
    delivery = Delivery(database, clock, secret_box, mailer, templates)
    announcements = Announcements(database, clock, accounts, outbox, tokens.rules)
    targets = TargetRules(insecure=settings.webhook_insecure, private_networks=settings.webhook_private_networks)
    webhooks = Webhooks(database, clock, secret_box, targets, audit_log)
    webhook_delivery = WebhookDelivery(database, clock, secret_box, Sender(targets), audit_log)
    sweeping = (
        deadlines,
        two_factor,
        tickets,
        credentials,
        password_reset,
        email_change,
        accounts,
        tokens,
        outbox,
        webhooks,
        audit_log,
    )
    worker = Worker(
        database=database,
        clock=clock,
        foreign=foreign,
        password_reset=password_reset,
        clearing=clearing,
        email_change=email_change,
        delivery=delivery,
        uses=(tokens.note_uses, clients.note_uses),
        announcements=(announcements.announce_ends,),
        webhook_delivery=webhook_delivery,
        admin=admin,
        sweeps=[each.sweep for each in sweeping],
    )
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
        credentials=credentials,
        authenticators=authenticators,
        tickets=tickets,
        reauthentication=reauthentication,
        login=login,
        password_reset=password_reset,
        email_change=email_change,
        not_me=not_me,
        profile=profile,
        clients=clients,
        admin=admin,
        imports=imports,
        export=Export(database, foreign, transfer, settings.issuer),
        delivery=delivery,
        webhooks=webhooks,
        webhook_delivery=webhook_delivery,
        worker=worker,
        traces=traces,
    )
