"""The composition root: every service of one process, wired together, and nowhere else."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.accounts.attempts.service import Attempts
from app.accounts.domain import EnrollmentPolicy
from app.accounts.foreign.service import AccountTransfer, ForeignPasswords
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.admin.access.service import Access
from app.admin.coverage import CoverageCounter
from app.admin.known import KnownAccounts
from app.admin.service import Admin
from app.audit.service import AuditLog
from app.authentication.change import CredentialChange
from app.clients.batcher import batch_introspections
from app.clients.service import Clients
from app.database.engine import Database
from app.email_change.service import EmailChange
from app.imports.export import Export
from app.imports.service import Imports
from app.imports.writer import LineWriter
from app.kernel.clock import Clock
from app.login.by_credential import CredentialLogin
from app.login.service import Login
from app.login.sign_in import SignIn
from app.mail.catalog import BrokenTemplate
from app.mail.delivery import Delivery
from app.mail.mailer import FolderMailer, Mailer, NoMailer, SmtpMailer
from app.mail.rendering import MailTemplates
from app.mail.service import Outbox
from app.not_me.service import NotMe
from app.password_reset.sender import ResetLinkSender
from app.password_reset.service import PasswordReset
from app.profile.service import Profile
from app.reauthentication.service import Reauthentication
from app.security.breached_passwords import BreachedPasswords
from app.security.hasher import Hasher
from app.security.password_rules import PasswordRules
from app.security.secret_box import SecretBox
from app.settings import Mail, Settings, SettingsRefused, TwoFactorPolicy
from app.tokens.announcements import Announcements
from app.tokens.batcher import batch_callers, batch_lists
from app.tokens.domain import LifeRules
from app.tokens.personal import PersonalTokens
from app.tokens.service import Tokens
from app.tokens.sweeping import TokenSweeper
from app.tokens.uses import TokenUses
from app.two_factor.additions import Additions
from app.two_factor.assertions import AssertionRequests
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.batcher import batch_factors
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.credentials import CredentialVerifier
from app.two_factor.deadlines import Deadlines
from app.two_factor.domain import CodeLimits
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
    passwords: Passwords
    tokens: Tokens
    personal_tokens: PersonalTokens
    two_factor: TwoFactor
    clearing: TwoFactorClearing
    credentials: CredentialVerifier
    authenticators: AuthenticatorService
    tickets: TicketService
    reauthentication: Reauthentication
    login: Login
    credential_login: CredentialLogin
    password_reset: PasswordReset
    email_change: EmailChange
    not_me: NotMe
    profile: Profile
    clients: Clients
    admin: Admin
    access: Access
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


def open_hasher(settings: Settings) -> Hasher:
    return Hasher(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time_cost,
        parallelism=settings.argon2_parallelism,
        threads=settings.hash_threads,
        queue=settings.hash_queue,
    )


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


def build_services(  # noqa: PLR0915 - a list without a decision, in the order in which services need each other
    settings: Settings, clock: Clock, *, database: Database | None = None, mail_folder: Path | None = None
) -> Services:
    """Raises SettingsRefused. Opens no connection yet."""
    if database is None:
        dsn, size = settings.database_dsn(), settings.database_pool_size
        database = Database(dsn, pool_size=size, pgbouncer=settings.pgbouncer)
    secret_box = SecretBox(settings.keys())
    hasher = open_hasher(settings)
    rules = PasswordRules(
        shortest=settings.password_min_length,
        issuer=settings.issuer,
        breached=BreachedPasswords(settings.breached_passwords_url),
        refuses_breached=settings.breached_passwords,
    )
    audit_log = AuditLog(timedelta(days=settings.event_retention_days))
    outbox = Outbox(secret_box)
    foreign = ForeignPasswords(database=database, clock=clock, secret_box=secret_box)
    attempts = Attempts(
        database=database,
        requests_per_minute=settings.requests_per_client_minute,
        most_per_network=settings.wrong_passwords_per_client,
        window=timedelta(seconds=settings.wrong_passwords_per_client_seconds),
        most_in_a_row=settings.wrong_passwords_per_account,
        lock=timedelta(seconds=settings.wrong_passwords_lock_seconds),
        longest_lock=timedelta(seconds=settings.wrong_passwords_lock_max_seconds),
        known_for=timedelta(days=settings.known_address_days),
    )
    accounts = Accounts(
        database=database,
        attempts=attempts,
        reserved_domains=settings.reserved_domains,
        policy=EnrollmentPolicy(
            required=settings.two_factor_policy is TwoFactorPolicy.REQUIRED,
            grace=timedelta(seconds=settings.two_factor_grace_seconds),
        ),
    )
    passwords = Passwords(
        database=database,
        hasher=hasher,
        rules=rules,
        attempts=attempts,
        foreign=foreign,
        audit_log=audit_log,
        read_address=accounts.read_address,
    )
    life = LifeRules(timedelta(seconds=settings.session_idle_seconds), accounts.policy)
    tokens = Tokens(
        database=database,
        clock=clock,
        longest=timedelta(seconds=settings.session_max_seconds),
        most_sessions=settings.sessions_per_account,
        accounts=accounts,
        audit_log=audit_log,
        rules=life,
        callers=batch_callers(database, clock, life),
        lists=batch_lists(database, clock, life),
        uses=TokenUses(database=database, clock=clock, rules=life),
    )
    personal_tokens = PersonalTokens(
        database=database,
        fresh_seconds=settings.fresh_seconds,
        most=settings.personal_tokens_per_account,
        tokens=tokens,
        audit_log=audit_log,
        outbox=outbox,
    )
    changes = CredentialChange(database=database, accounts=accounts, tokens=tokens, audit_log=audit_log, outbox=outbox)
    clearing = TwoFactorClearing(
        database=database,
        clock=clock,
        wait=timedelta(seconds=settings.two_factor_clearing_seconds),
        pause=timedelta(seconds=settings.two_factor_clearing_pause_seconds),
        attempts=attempts,
        accounts=accounts,
        changes=changes,
        audit_log=audit_log,
        outbox=outbox,
    )
    verifier = CodeVerifier(
        database=database,
        limits=CodeLimits(
            most=settings.wrong_codes_per_account,
            lock_seconds=settings.wrong_codes_lock_seconds,
            until_reset=settings.wrong_codes_until_reset,
        ),
        wrong_per_challenge=settings.wrong_codes_per_challenge,
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
        database=database,
        issuer=settings.issuer,
        life=timedelta(seconds=settings.enrollment_seconds),
        secret_box=secret_box,
        verifier=verifier,
        audit_log=audit_log,
    )
    party = RelyingParty(settings.relying_party_id, settings.issuer, settings.relying_party_origins)
    signer = ChallengeSigner(settings.keys())
    assertions = AssertionRequests(database, party, signer, settings.wrong_codes_per_challenge)
    credentials = CredentialVerifier(
        database=database,
        party=party,
        signer=signer,
        wrong_per_challenge=settings.wrong_codes_per_challenge,
        accounts=accounts,
        clearing=clearing,
        audit_log=audit_log,
        outbox=outbox,
    )
    authenticators = AuthenticatorService(
        database=database,
        fresh_seconds=settings.fresh_seconds,
        party=party,
        accounts=accounts,
        passwords=passwords,
        tokens=tokens,
        changes=changes,
        additions=additions,
        credentials=credentials,
        audit_log=audit_log,
    )
    two_factor = TwoFactor(
        database=database,
        clock=clock,
        fresh_seconds=settings.fresh_seconds,
        disable_requires_code=settings.disable_requires_code,
        accounts=accounts,
        passwords=passwords,
        tokens=tokens,
        changes=changes,
        verifier=verifier,
        clearing=clearing,
        enrolling=enrolling,
        additions=additions,
        audit_log=audit_log,
        outbox=outbox,
        factors=batch_factors(database),
    )
    tickets = TicketService(
        database=database,
        attempts=attempts,
        accounts=accounts,
        changes=changes,
        enrolling=enrolling,
        authenticators=authenticators,
        additions=additions,
    )
    reauthentication = Reauthentication(
        database=database,
        clock=clock,
        passwords=passwords,
        tokens=tokens,
        two_factor=two_factor,
        verifier=verifier,
        assertions=assertions,
        credentials=credentials,
    )
    reset_links = ResetLinkSender(
        life=timedelta(seconds=settings.password_reset_seconds),
        most_open=settings.reset_links_open,
        most_per_hour=settings.reset_mails_per_hour,
        accounts=accounts,
        audit_log=audit_log,
        outbox=outbox,
    )
    password_reset = PasswordReset(
        database=database,
        clock=clock,
        policy=settings.password_reset_policy,
        attempts=attempts,
        accounts=accounts,
        passwords=passwords,
        changes=changes,
        two_factor=two_factor,
        verifier=verifier,
        clearing=clearing,
        links=reset_links,
    )
    sign_in = SignIn(new_sign_in_mail=settings.new_sign_in_mail, accounts=accounts, audit_log=audit_log, outbox=outbox)
    login = Login(
        database=database,
        challenge_seconds=settings.challenge_seconds,
        breached_passwords=settings.breached_passwords_at_login,
        attempts=attempts,
        accounts=accounts,
        passwords=passwords,
        tokens=tokens,
        two_factor=two_factor,
        verifier=verifier,
        clearing=clearing,
        tickets=tickets,
        sign_in=sign_in,
        audit_log=audit_log,
        send_reset_link=reset_links.send_requested_link,
    )
    credential_login = CredentialLogin(
        database=database,
        passkey_login=settings.passkey_login,
        attempts=attempts,
        tokens=tokens,
        two_factor=two_factor,
        assertions=assertions,
        credentials=credentials,
        sign_in=sign_in,
    )
    email_change = EmailChange(
        database=database,
        clock=clock,
        life=timedelta(seconds=settings.email_change_seconds),
        undo_life=timedelta(seconds=settings.email_change_undo_seconds),
        most_open=settings.email_changes_open,
        most_per_hour=settings.email_change_mails_per_hour,
        fresh_seconds=settings.fresh_seconds,
        attempts=attempts,
        accounts=accounts,
        passwords=passwords,
        tokens=tokens,
        changes=changes,
        authenticators=authenticators,
        clearing=clearing,
        audit_log=audit_log,
        outbox=outbox,
    )
    not_me = NotMe(database=database, changes=changes, reset_links=reset_links, outbox=outbox)
    profile = Profile(
        database=database,
        accounts=accounts,
        passwords=passwords,
        tokens=tokens,
        two_factor=two_factor,
        changes=changes,
        audit_log=audit_log,
    )
    batcher = batch_introspections(database, clock, life)
    clients = Clients(database=database, clock=clock, tokens=tokens, batcher=batcher)
    known = KnownAccounts(clock, accounts, two_factor)
    admin = Admin(
        database=database,
        clock=clock,
        known=known,
        accounts=accounts,
        passwords=passwords,
        changes=changes,
        two_factor=two_factor,
        password_reset=password_reset,
        reset_links=reset_links,
        email_change=email_change,
        audit_log=audit_log,
        outbox=outbox,
        coverage=CoverageCounter(database, clock, accounts.policy),
    )
    access = Access(
        database=database,
        known=known,
        accounts=accounts,
        tokens=tokens,
        changes=changes,
        two_factor=two_factor,
        verifier=verifier,
        clearing=clearing,
        authenticators=authenticators,
        reset_links=reset_links,
        audit_log=audit_log,
    )
    transfer, account_transfer = AuthenticatorTransfer(secret_box), AccountTransfer()
    imports = Imports(
        database=database,
        clock=clock,
        secret_box=secret_box,
        accounts=account_transfer,
        foreign=foreign,
        writer=LineWriter(
            database=database,
            clock=clock,
            secret_box=secret_box,
            hasher=hasher,
            accounts=account_transfer,
            authenticators=transfer,
            audit_log=audit_log,
            hashing=asyncio.Semaphore(1),
        ),
        read_address=accounts.read_address,
    )
    templates = _templates(settings)
    mailer = _mailer(settings, mail_folder)
    if traces := open_traces(settings):
        traces.watch(database)
        mailer = traces.mails_of(mailer)
    deadlines = Deadlines(accounts)
    delivery = Delivery(database=database, clock=clock, secret_box=secret_box, mailer=mailer, templates=templates)
    announcements = Announcements(database=database, clock=clock, accounts=accounts, outbox=outbox, rules=life)
    targets = TargetRules(insecure=settings.webhook_insecure, private_networks=settings.webhook_private_networks)
    webhooks = Webhooks(database=database, clock=clock, secret_box=secret_box, rules=targets, audit_log=audit_log)
    webhook_delivery = WebhookDelivery(
        database=database, clock=clock, secret_box=secret_box, sender=Sender(targets), audit_log=audit_log
    )
    sweeping = (
        deadlines,
        two_factor,
        tickets,
        credentials,
        password_reset,
        email_change,
        accounts,
        TokenSweeper(life),
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
        uses=(tokens.uses.write, clients.note_uses),
        announcements=(announcements.announce_ends,),
        webhook_delivery=webhook_delivery,
        audit_log=audit_log,
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
        passwords=passwords,
        tokens=tokens,
        personal_tokens=personal_tokens,
        two_factor=two_factor,
        clearing=clearing,
        credentials=credentials,
        authenticators=authenticators,
        tickets=tickets,
        reauthentication=reauthentication,
        login=login,
        credential_login=credential_login,
        password_reset=password_reset,
        email_change=email_change,
        not_me=not_me,
        profile=profile,
        clients=clients,
        admin=admin,
        access=access,
        imports=imports,
        export=Export(database=database, foreign=foreign, authenticators=transfer, issuer=settings.issuer),
        delivery=delivery,
        webhooks=webhooks,
        webhook_delivery=webhook_delivery,
        worker=worker,
        traces=traces,
    )
