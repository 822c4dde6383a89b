"""Sessions and personal tokens: what they are, how long they live, what they may do."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account, EnrollmentPolicy
from app.kernel.network import is_within
from app.kernel.page import PageOf
from app.kernel.refusal import Conflict, NotAllowed, SessionRequired, StepUp
from app.kernel.secret import SecretKind

ANNOUNCED_BEFORE = timedelta(days=7)
"""How long before its end a personal token that lives longer is announced to its owner."""
LATE_USE = timedelta(seconds=10)
"""A use that another process writes so late moves no time back, but its address is not lost: it may be a thief's."""
BY_PASSWORD = ("pwd",)
BY_PASSWORD_AND_CODE = ("pwd", "otp", "mfa")
BY_PASSWORD_AND_CREDENTIAL = ("pwd", "pop", "mfa")
BY_PASSKEY = ("pop", "user", "mfa")
BY_PASSWORD_AND_RECOVERY_CODE = ("pwd", "recovery_code", "mfa")


class Kind(StrEnum):
    SESSION = "session"
    PERSONAL = "personal"

    @property
    def secret_kind(self) -> SecretKind:
        return SecretKind.SESSION if self is Kind.SESSION else SecretKind.PERSONAL


class Assurance(StrEnum):
    """NIST SP 800-63B: one factor, or two."""

    AAL1 = "aal1"
    AAL2 = "aal2"


@dataclass(frozen=True)
class Use:
    at: datetime
    ip: str | None
    user_agent: str | None = None

    def after(self, earlier: "Use | None") -> "Use":
        """A service need not say from where the token came that it asks about: the last known address stays."""
        return self if self.ip or not earlier else Use(self.at, earlier.ip, earlier.user_agent)


@dataclass(frozen=True)
class Token:
    """A token as we know it: everything but the secret. `amr` are the methods of RFC 8176 that it was proved by."""

    id: UUID
    kind: Kind
    description: str | None
    amr: tuple[str, ...]
    authenticated_at: datetime
    created_at: datetime
    expires_at: datetime | None
    ends_at: datetime | None
    """The earliest end, idleness included; `expires_at` is the absolute one."""
    last_used_at: datetime | None
    last_used_ip: str | None
    user_agent: str | None
    max_age_seconds: int | None
    extend_when_used: bool
    scopes: tuple[str, ...] | None = None
    """Words for the services that introspect the token; they mean nothing here."""
    ip_allowlist: tuple[str, ...] | None = None
    """The addresses and networks that it works from; None: everywhere."""
    last_used_user_agent: str | None = None

    @property
    def assurance(self) -> Assurance:
        return Assurance.AAL2 if "mfa" in self.amr else Assurance.AAL1

    @property
    def is_phishing_resistant(self) -> bool:
        """Whether a key took part that answers only our own pages (RFC 8176, `pop`)."""
        return "pop" in self.amr

    def used(self, use: Use, idle: timedelta) -> "Token":
        """As it is once this use is written. One that is known already changes nothing."""
        at = max(use.at, self.last_used_at or use.at)
        if at == self.last_used_at and (use.ip == self.last_used_ip or use.at <= at - LATE_USE):
            return self
        slides = self.extend_when_used and self.max_age_seconds is not None
        absolute = at + timedelta(seconds=self.max_age_seconds or 0) if slides else self.expires_at
        ends = [absolute, at + idle if self.kind is Kind.SESSION else None]
        earliest = min((end for end in ends if end is not None), default=None)
        last = use.after(Use(at, self.last_used_ip, self.last_used_user_agent))
        changed = {
            "last_used_at": at,
            "last_used_ip": last.ip,
            "last_used_user_agent": last.user_agent,
            "expires_at": absolute,
            "ends_at": earliest,
        }
        # Each check comes here, and `replace` takes twice as long.
        return Token(**vars(self) | changed)

    def works_from(self, address: str | None) -> bool:
        """Whether it may be used from there. With a list of addresses it works from no unknown one."""
        return self.ip_allowlist is None or (address is not None and is_within(address, self.ip_allowlist))

    def ends_within(self, span: timedelta, at: datetime) -> bool:
        """Whether it would end this soon if it were not used any more."""
        return self.ends_at is not None and self.ends_at - at <= span


@dataclass(frozen=True)
class LifeRules:
    """What every check of a token needs besides the token."""

    idle: timedelta
    """How long a session lives without use."""
    policy: EnrollmentPolicy


@dataclass(frozen=True)
class PersonalTokenRequest:
    """What a person asks for; the networks of `ip_allowlist` have been read."""

    description: str
    max_age_seconds: int | None = None
    extend_when_used: bool = False
    scopes: tuple[str, ...] | None = None
    ip_allowlist: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Caller:
    """Who asks, and by which token."""

    account: Account
    token: Token

    def is_fresh(self, at: datetime, *, within_seconds: int) -> bool:
        """Whether two factors were proved no longer ago.

        An account has two-factor authentication exactly where its sessions were proved by two factors, since turning it
        on or off ends all sessions. Without it the calls that change something ask for the password, and nothing more
        is due.
        """
        proved_ago = at - self.token.authenticated_at
        return self.token.assurance is not Assurance.AAL2 or proved_ago <= timedelta(seconds=within_seconds)


@dataclass(frozen=True)
class IssuedToken:
    """A token with its secret, which exists outside the holder's hands only in this one answer."""

    secret: SecretStr
    token: Token


@dataclass(frozen=True)
class Revoked:
    """How many live tokens an act ended."""

    sessions: int = 0
    personal_tokens: int = 0

    def as_details(self) -> dict[str, int]:
        return {"sessions": self.sessions, "personal_tokens": self.personal_tokens}


@dataclass(frozen=True)
class ListRequest:
    """Which page of an account's live tokens, and the token that asks."""

    account_id: UUID
    current_id: UUID
    kind: Kind | None
    after: UUID | None
    limit: int


@dataclass(frozen=True)
class LiveTokens:
    """A page of live tokens, how many there are of each kind, and the calling one, which may be on another page."""

    page: PageOf[Token]
    counts: Revoked
    current: Token

    def with_each(self, change: Callable[[Token], Token]) -> "LiveTokens":
        page = replace(self.page, items=[change(token) for token in self.page.items])
        return replace(self, page=page, current=change(self.current))


class AccountChanged(Exception):
    """The account is no longer as it was read. Each caller says what that means; none lets it out."""


class TokenLimitReached(Conflict):
    code = "token_limit_reached"
    title = "This account has as many personal tokens as it may have; revoke one first."


class ReauthenticationRequired(StepUp, NotAllowed):
    """`max_age` (seconds) is how old a proof by two factors may be for this."""

    code = "reauthentication_required"
    title = "Prove once more that it is you, with both factors."


def require_session(caller: Caller) -> None:
    """Raises SessionRequired: a personal token may only read, and log itself out."""
    if caller.token.kind is not Kind.SESSION:
        raise SessionRequired


def require_fresh(caller: Caller, at: datetime, *, within_seconds: int) -> None:
    """Raises ReauthenticationRequired where two factors were proved longer ago."""
    if not caller.is_fresh(at, within_seconds=within_seconds):
        raise ReauthenticationRequired(max_age=within_seconds)
