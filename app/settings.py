"""Every setting of the service, read once from the environment or a `.env` file and handed on from there."""

import base64
import binascii
import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from app.environment import Environment, EnvironmentRefused, read_environment
from app.kernel.database_url import UrlUnreadable, read_database_url
from app.kernel.mail import check_mail_from, check_smtp_url
from app.kernel.network import Network, read_network
from app.kernel.public_url import check_link_template, check_public_url
from app.kernel.randomness import random_bytes
from app.logo import read_logo

_ENV_FILE = Path(".env")
# A year, a century, and what a column of Postgres holds with room to spare: what is more is a slip.
_LONGEST_SECONDS = 366 * 24 * 3600
_LONGEST_DAYS = 36_600
_LARGEST_COUNT = 1_000_000
KEY_BYTES = 32
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:]+\])(:(?!0)[0-9]{1,5})?")
_OPENABLE_URL = re.compile(r"https?://[!-~]+|mailto:[!-~]+@[!-~]+")
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_USUAL_PORT = re.compile(r"http://.*:80|https://.*:443")
_HIGHEST_PORT = 65535
_FEWEST_DISTINCT_KEY_BYTES = 12


class SettingsRefused(Exception):
    """A setting is missing or weak. The message is one line and holds no value."""


class PasswordResetPolicy(StrEnum):
    CLEARS_TWO_FACTOR = "clears_two_factor"
    CLEARS_TWO_FACTOR_LATER = "clears_two_factor_later"
    REQUIRES_SECOND_FACTOR = "requires_second_factor"


class TwoFactorPolicy(StrEnum):
    OPTIONAL = "optional"
    REQUIRED = "required"


class BreachedAtLogin(StrEnum):
    OFF = "off"
    WARN = "warn"
    BLOCK = "block"


class Mail(StrEnum):
    ON = "on"
    OFF = "off"


def read_key(text: str) -> bytes:
    """The 32 bytes behind a key of TWOKEYS_SECRET_KEYS (URL-safe base64, as `twokeys keys generate` prints it)."""
    try:
        key = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        key = b""
    if len(key) != KEY_BYTES or len(set(key)) < _FEWEST_DISTINCT_KEY_BYTES:
        message = "each key must be 32 random bytes in URL-safe base64; make one with `twokeys keys generate`"
        raise ValueError(message)
    return key


def new_key() -> str:
    """A key as `read_key` reads it."""
    return base64.urlsafe_b64encode(random_bytes(KEY_BYTES)).decode()


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseModel):
    """What follows a field is its line in docs/reference/settings.md; a comment above one begins a group there."""

    # A slip in a name is found when the environment is read.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    # Database
    database_url: SecretStr | None = None
    """The address of Postgres: `postgresql://user:password@host/name`."""
    pgbouncer: bool = False
    """The address leads to pgbouncer in transaction mode."""
    database_pool_size: int = Field(default=10, ge=1, le=200)
    """Connections a process."""

    # Keys and addresses
    secret_keys: tuple[SecretStr, ...] = ()
    """Comma-separated keys of `twokeys keys generate`: the first seals, all of them open."""
    public_url: str = "http://127.0.0.1:8000"
    """The origin that mails link to; needed where mail is sent."""

    # Name and look
    issuer: str = Field(default="Twokeys", min_length=1, max_length=64)
    """The name of the service: in authenticator apps, in mails and as their sender, and in the console."""
    support_url: str | None = Field(default=None, max_length=2000)
    """Where people get help: an http, https or mailto address."""
    privacy_url: str | None = Field(default=None, max_length=2000)
    """Where people read what becomes of their data: an http, https or mailto address."""
    accent_color: str | None = Field(default=None, pattern="^#[0-9a-fA-F]{6}$")
    """`#rrggbb`, for frontends."""
    logo: Path | None = None
    """An SVG, PNG or JPEG file of at most 256 KiB, served at `/v1/config/logo`."""

    # Mail
    smtp_url: SecretStr | None = None
    """The mail server: `smtp://user:password@host:port` or `smtps://…`."""
    mail: Mail = Mail.ON
    """`off` for a service without mail."""
    mail_from: str = "no-reply@localhost"
    """The sender of mails, with or without a name; needed where mail is sent. Without a name: the issuer's."""

    # What is served, and to whom
    mail_templates: Path | None = None
    """A folder with texts and looks of mails in place of ours, per language."""
    trusted_proxies: tuple[Network, ...] = ()
    """Comma-separated addresses or networks whose `X-Forwarded-For` counts."""
    cors_origins: tuple[str, ...] = ()
    """Comma-separated: frontends on other origins."""
    console: bool = True
    """Serve `/console/`."""
    docs: bool = False
    """Serve `/docs` and `/openapi.json`."""
    metrics: bool = False
    """Serve `/metrics`."""
    tracing: bool = False
    """Send traces to an OpenTelemetry collector."""
    run_worker: bool = True
    """Deliver mail and clean up in `serve` too."""

    # Webhooks
    webhook_insecure: bool = False
    """Webhooks may go to `http`."""
    webhook_private_networks: bool = False
    """Webhooks may go to private, loopback and link-local networks."""

    # Proofs
    disable_requires_code: bool = False
    """Turning two-factor authentication off takes a code."""
    two_factor_policy: TwoFactorPolicy = TwoFactorPolicy.OPTIONAL
    """Whether accounts must have two-factor authentication; each may have a policy of its own."""
    two_factor_grace_seconds: int = Field(default=0, ge=0, le=_LONGEST_SECONDS)
    """How long an account that must have it may do without: granted once, and counted from then on."""
    webauthn_rp_id: str | None = Field(default=None, max_length=253)
    """The domain that security keys and passkeys are bound to; without it the public URL's host.

    A change orphans them, so `serve` refuses to start while some belong to another."""
    webauthn_origins: tuple[str, ...] = ()
    """Comma-separated: the origins whose pages may ask for security keys and passkeys; without it the public URL's."""
    passkey_login: bool = True
    """A passkey logs in alone; off: `/v1/login/passkey` is 404."""
    password_reset_policy: PasswordResetPolicy = PasswordResetPolicy.CLEARS_TWO_FACTOR
    """What a password reset does to two-factor authentication: turns it off, turns it off later, or asks for its code;
    [security](../explanation/security.md) compares them."""
    password_reset_link: str = "{public_url}/console/#/password-reset/{token}"
    """The template of the link in the mail."""
    password_reset_seconds: int = Field(default=1800, ge=1, le=86400)
    """The life of a reset link."""
    two_factor_clearing_seconds: int = Field(default=259_200, ge=1, le=_LONGEST_SECONDS)
    """With `clears_two_factor_later`: how long a reset waits before it turns two-factor authentication off."""
    two_factor_clearing_pause_seconds: int = Field(default=604_800, ge=1, le=_LONGEST_SECONDS)
    """How long no reset begins such a wait again, after one was cancelled by the link of a mail."""
    email_change_link: str = "{public_url}/console/#/email-change/{token}"
    """The template of the link by which a new mailbox confirms that it becomes the account's address."""
    email_change_seconds: int = Field(default=86400, ge=1, le=_LONGEST_SECONDS)
    """The life of that link."""
    email_change_undo_link: str = "{public_url}/console/#/email-change/undo/{token}"
    """The template of the link by which the old mailbox takes a change of address back."""
    email_change_undo_seconds: int = Field(default=604800, ge=1, le=_LONGEST_SECONDS)
    """The life of that link."""
    reserved_domains: bool = False
    """Take addresses below `.local` and `.test`, as in an intranet or a test."""

    # Lifetimes
    session_idle_seconds: int = Field(default=3600, ge=1, le=_LONGEST_SECONDS)
    """A session ends after this long without use."""
    session_max_seconds: int = Field(default=86400, ge=1, le=_LONGEST_SECONDS)
    """A session ends this long after log-in."""
    fresh_seconds: int = Field(default=900, ge=1, le=_LONGEST_SECONDS)
    """How old a proof by two factors may be for changes of authenticators, a new personal token or another address."""

    # Passwords
    password_min_length: int = Field(default=8, ge=8, le=256)
    """Characters."""
    breached_passwords: bool = False
    """Ask Have I Been Pwned about new passwords; five characters of a SHA-1 leave the service."""
    breached_passwords_at_login: BreachedAtLogin = BreachedAtLogin.OFF
    """Ask it about right passwords at log-in as well: tell the frontend, or refuse them and mail a reset link."""
    breached_passwords_url: str = Field(default="https://api.pwnedpasswords.com/range/", pattern="^https?://[!-~]+/$")
    """The range service that is asked: the first five characters of the SHA-1 are put behind it."""
    argon2_memory_kib: int = Field(default=19456, ge=1024, le=4194304)
    """Memory of a hash. OWASP's least is 7168 with five passes; lower costs are for tests."""
    argon2_time_cost: int = Field(default=2, ge=1, le=100)
    """Passes of a hash."""
    argon2_parallelism: int = Field(default=1, ge=1, le=64)
    """Lanes of a hash."""
    hash_threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    """Threads that hash; without it one a core."""
    hash_queue: int = Field(default=64, ge=1, le=_LARGEST_COUNT)
    """Log-ins that may wait for a thread; more are shed with 503."""

    # Process
    drain_seconds: int = Field(default=2, ge=0, le=5)
    """How long `/readyz` says 503 after SIGTERM before the port is closed."""
    keep_alive_seconds: int = Field(default=5, ge=1, le=3600)
    """An idle connection is closed after this long."""
    event_retention_days: int = Field(default=400, ge=1, le=_LONGEST_DAYS)
    """Events are deleted after this many days."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """How much is logged."""

    # Limits
    challenge_seconds: int = Field(default=300, ge=1, le=3600)
    """The life of a log-in challenge."""
    wrong_codes_per_challenge: int = Field(default=5, ge=1, le=_LARGEST_COUNT)
    """Wrong codes for one challenge, then `challenge_expired`."""
    wrong_codes_per_account: int = Field(default=10, ge=1, le=_LARGEST_COUNT)
    """Wrong codes in a row for one account, then 429."""
    wrong_codes_lock_seconds: int = Field(default=900, ge=1, le=_LONGEST_SECONDS)
    """How long that 429 lasts."""
    wrong_codes_until_reset: int = Field(default=100, ge=1, le=_LARGEST_COUNT)
    """Wrong codes in a row, then 429 until the password or two-factor authentication is reset."""
    wrong_passwords_per_client: int = Field(default=10, ge=1, le=_LARGEST_COUNT)
    """Wrong passwords for one account from one client address, then 429."""
    wrong_passwords_per_client_seconds: int = Field(default=300, ge=1, le=_LONGEST_SECONDS)
    """The span in which these are counted."""
    wrong_passwords_per_account: int = Field(default=100, ge=1, le=_LARGEST_COUNT)
    """Wrong passwords in a row for one account from everywhere, then 429 for unknown addresses."""
    wrong_passwords_lock_seconds: int = Field(default=60, ge=1, le=_LONGEST_SECONDS)
    """How long that 429 lasts at first; it doubles."""
    wrong_passwords_lock_max_seconds: int = Field(default=900, ge=1, le=_LONGEST_SECONDS)
    """How long it lasts at most."""
    known_address_days: int = Field(default=30, ge=1, le=_LONGEST_DAYS)
    """How long an address that logged in is not shut out by strangers, and is no news to the owner."""
    new_sign_in_mail: bool = True
    """Mail people when somebody logs in from an address that is not known so."""
    reset_links_open: int = Field(default=3, ge=1, le=_LARGEST_COUNT)
    """Open reset links of one account."""
    reset_mails_per_hour: int = Field(default=5, ge=1, le=_LARGEST_COUNT)
    """Reset mails for one account."""
    email_changes_open: int = Field(default=3, ge=1, le=_LARGEST_COUNT)
    """Links to new addresses of one account that are open at once."""
    email_change_mails_per_hour: int = Field(default=5, ge=1, le=_LARGEST_COUNT)
    """Mails that one account causes by asking for a new address."""
    requests_per_client_minute: int = Field(default=60, ge=1, le=_LARGEST_COUNT)
    """Requests of one client address to `login` and `password-reset`, then 429."""
    enrollment_seconds: int = Field(default=600, ge=1, le=_LONGEST_SECONDS)
    """The life of a pending enrollment."""
    personal_tokens_per_account: int = Field(default=50, ge=1, le=_LARGEST_COUNT)
    """Personal tokens of one account, then 409."""
    sessions_per_account: int = Field(default=1000, ge=1, le=_LARGEST_COUNT)
    """Sessions of one account; over it the least recently used one dies."""

    @field_validator("secret_keys", "cors_origins", "webauthn_origins", mode="before")
    @classmethod
    def _lists_are_comma_separated(cls, value: Any) -> Any:
        return _split(value)

    @field_validator("secret_keys")
    @classmethod
    def _keys_are_strong(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            read_key(key.get_secret_value())
        return keys

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        return tuple(read_network(each) if isinstance(each, str) else each for each in _split(value))

    @field_validator("cors_origins", "webauthn_origins", mode="after")
    @classmethod
    def _origins_are_as_browsers_say_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Anything else would never match, and `*` would match everybody."""
        for origin in origins:
            found = _ORIGIN.fullmatch(origin)
            if not found or _USUAL_PORT.fullmatch(origin) or int((found[2] or ":0")[1:]) > _HIGHEST_PORT:
                message = "each origin is scheme and host in lower case and a port that is not the usual one, without /"
                raise ValueError(message)
        return origins

    @field_validator("webauthn_rp_id")
    @classmethod
    def _rp_id_is_a_domain(cls, id: str | None) -> str | None:
        if id is not None and not _DOMAIN.fullmatch(id):
            message = "must be a domain in lower case, such as example.com, without scheme and port"
            raise ValueError(message)
        return id

    @field_validator("public_url")
    @classmethod
    def _public_url_is_an_origin(cls, url: str) -> str:
        return check_public_url(url)

    @field_validator("support_url", "privacy_url")
    @classmethod
    def _link_can_be_opened(cls, url: str | None) -> str | None:
        if url is not None and not _OPENABLE_URL.fullmatch(url):
            message = "must be an http, https or mailto address"
            raise ValueError(message)
        return url

    @field_validator("logo")
    @classmethod
    def _logo_is_a_picture(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_logo(path)
        return path

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_leads_to_a_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_smtp_url(url)
        return url

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_one_address(cls, sender: str) -> str:
        check_mail_from(sender)
        return sender

    @model_validator(mode="after")
    def _links_lead_to_pages(self) -> Self:
        for name in ("password_reset_link", "email_change_link", "email_change_undo_link"):
            try:
                check_link_template(getattr(self, name), self.public_url)
            except ValueError as error:
                raise ValueError(f"TWOKEYS_{name.upper()}: {error}") from None
        return self

    @field_validator("issuer")
    @classmethod
    def _issuer_is_printable(cls, issuer: str) -> str:
        if not issuer.isprintable() or ":" in issuer or not issuer.strip():
            message = "must be printable and without a colon, which ends the issuer in an authenticator app's label"
            raise ValueError(message)
        return issuer

    @model_validator(mode="after")
    def _origins_belong_to_the_rp_id(self) -> Self:
        """Browsers refuse the rest, and a person would see only that the key does not work."""
        for origin in self.webauthn_origins:
            if not f".{urlsplit(origin).hostname}".endswith(f".{self.relying_party_id}"):
                message = "TWOKEYS_WEBAUTHN_ORIGINS must be at the domain of TWOKEYS_WEBAUTHN_RP_ID or below it"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.wrong_codes_per_account > self.wrong_codes_until_reset:
            message = "TWOKEYS_WRONG_CODES_PER_ACCOUNT must not be over TWOKEYS_WRONG_CODES_UNTIL_RESET"
            raise ValueError(message)
        return self

    @property
    def relying_party_id(self) -> str:
        """What security keys and passkeys are bound to: a domain (WebAuthn, §5.1.2)."""
        return self.webauthn_rp_id or urlsplit(self.public_url).hostname or ""

    @property
    def relying_party_origins(self) -> tuple[str, ...]:
        """The origins whose pages may ask for a security key or passkey."""
        parts = urlsplit(self.public_url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        port = f":{parts.port}" if parts.port not in {None, usual} else ""
        return self.webauthn_origins or (f"{parts.scheme}://{host}{port}",)

    def keys(self) -> tuple[bytes, ...]:
        """The first seals, all open. Raises SettingsRefused where there is none."""
        if not self.secret_keys:
            raise SettingsRefused("TWOKEYS_SECRET_KEYS is missing; make a key with `twokeys keys generate`.")
        return tuple(read_key(key.get_secret_value()) for key in self.secret_keys)

    def database_dsn(self) -> str:
        """Raises SettingsRefused where TWOKEYS_DATABASE_URL is missing or can't be read."""
        if self.database_url is None:
            raise SettingsRefused(
                "TWOKEYS_DATABASE_URL is missing, for example postgresql://user:password@host/twokeys."
            )
        url = self.database_url.get_secret_value()
        try:
            read_database_url(url)
        except UrlUnreadable as error:
            raise SettingsRefused(f"TWOKEYS_DATABASE_URL {error}") from None
        return url

    def require_mail_settings(self) -> None:
        """Raises SettingsRefused where mail would be sent in nobody's name, or with links to this machine."""
        if self.mail is Mail.OFF or self.smtp_url is None:
            return
        if "public_url" not in self.model_fields_set:
            raise SettingsRefused(
                "TWOKEYS_PUBLIC_URL is missing; mails link to it, for example https://id.example.com."
            )
        if "mail_from" not in self.model_fields_set:
            raise SettingsRefused("TWOKEYS_MAIL_FROM is missing; mails need a sender such as no-reply@example.com.")


def unknown_names() -> tuple[str, ...]:
    """Variables that begin with TWOKEYS_ and are no setting. Raises SettingsRefused."""
    return _environment(_ENV_FILE).unknown


def load_settings(env_file: Path | None = _ENV_FILE, **overrides: Any) -> Settings:
    """Raises SettingsRefused with one line that names the setting and never its value."""
    environment = _environment(env_file)
    try:
        return Settings.model_validate({**environment.values, **overrides})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = "TWOKEYS_" + str(first["loc"][0]).upper() if first["loc"] else "Settings"
        raise SettingsRefused(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None


def _environment(env_file: Path | None) -> Environment:
    fields = Settings.model_fields
    secrets = [name for name, field in fields.items() if "SecretStr" in str(field.annotation)]
    try:
        return read_environment(fields, secrets, env_file)
    except EnvironmentRefused as error:
        raise SettingsRefused(str(error)) from None
