"""An account's second factor, the codes it takes, and what can be refused."""

import base64
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.accounts.domain import Account, EnrollmentPolicy
from app.authentication.domain import TWO_FACTOR_OFF, Changed, TwoFactorState, TwoFactorStatus
from app.kernel.randomness import random_bytes
from app.kernel.refusal import Conflict, Gone, NotAllowed, NotAuthenticated
from app.tokens.domain import BY_PASSWORD_AND_CODE, BY_PASSWORD_AND_RECOVERY_CODE

RECOVERY_CODE_COUNT = 10
_RECOVERY_CODE_BYTES = 15
_TOTP_CODE_LENGTH = 6
# Unicode's dashes, spaces, and format characters, which have no width; and what looks like a dash and is called a sign.
_DECORATION = frozenset({"Pd", "Zs", "Cf"})
_OTHER_DASHES = "\N{MINUS SIGN}\N{HYPHEN BULLET}\N{MODIFIER LETTER MINUS SIGN}"
_CODES_BEFORE_THE_CLOCK_HINT = 2
APP_NAME, SECURITY_KEY_NAME, PASSKEY_NAME = "Authenticator app", "Security key", "Passkey"


class Kind(StrEnum):
    TOTP = "totp"
    WEBAUTHN = "webauthn"


MOST_OF = {Kind.TOTP: 3, Kind.WEBAUTHN: 10}
"""Each app adds codes that are valid at a time, and so a better guess; so there are few of them."""


@dataclass(frozen=True)
class TotpDevice:
    """An authenticator app that was confirmed, with the last time step that it was accepted for."""

    id: UUID
    sealed_secret: bytes = field(repr=False)
    last_step: int


@dataclass(frozen=True)
class CodeLimits:
    """After `most` wrong codes in a row the account is locked for a while, after `until_reset` until a reset."""

    most: int
    lock_seconds: int
    until_reset: int


@dataclass(frozen=True)
class Possessions:
    """What an account has at one moment to prove its second factor by."""

    authenticator_ids: tuple[UUID, ...]
    recovery_code_digests: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Enrollment:
    """An authenticator app that waits for its first code."""

    id: UUID
    account_id: UUID
    sealed_secret: bytes = field(repr=False)
    begun_at: datetime
    """When the password was proved."""
    expires_at: datetime
    name: str | None = None
    additional: bool = False
    replaces: UUID | None = None
    begun_by: UUID | None = None
    """The token or ticket that began it. It alone may go on, and the enrollment lives no longer than it does."""

    def is_open_to(self, id: UUID) -> bool:
        return self.begun_by in {None, id}

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at <= at


@dataclass(frozen=True)
class SecondFactor:
    """What an account can prove its second factor by."""

    account_id: UUID
    enabled_at: datetime | None = None
    last_used_at: datetime | None = None
    enrollment_expires_at: datetime | None = None
    devices: tuple[TotpDevice, ...] = ()
    credentials: int = 0
    recovery_codes_remaining: int = 0
    clears_at: datetime | None = None
    """Until then a password reset waits to turn it off; from then on the next right password does."""
    clearing_paused_until: datetime | None = None

    @property
    def is_enabled(self) -> bool:
        return self.enabled_at is not None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (*([Kind.TOTP] if self.devices else []), *([Kind.WEBAUTHN] if self.credentials else []))

    def is_due_to_clear(self, at: datetime) -> bool:
        return self.clears_at is not None and self.clears_at <= at

    def has_clearing_paused(self, at: datetime) -> bool:
        return self.clearing_paused_until is not None and self.clearing_paused_until > at


@dataclass(frozen=True)
class AppSecret:
    """An authenticator app on its way in or out: its secret in base32, and the name that its owner gave it."""

    secret: str = field(repr=False)
    name: str | None


def state_of(factor: SecondFactor | None, at: datetime) -> TwoFactorState:
    """A pending enrollment that has expired reads as disabled."""
    if factor is None:
        return TWO_FACTOR_OFF
    pending_until = factor.enrollment_expires_at
    if pending_until is not None and pending_until <= at:
        pending_until = None
    if not factor.is_enabled:
        return (
            TwoFactorState(TwoFactorStatus.PENDING, enrollment_expires_at=pending_until)
            if pending_until
            else TWO_FACTOR_OFF
        )
    return TwoFactorState(
        status=TwoFactorStatus.ENABLED,
        enabled_at=factor.enabled_at,
        last_used_at=factor.last_used_at,
        enrollment_expires_at=pending_until,
        recovery_codes_remaining=factor.recovery_codes_remaining,
        methods=factor.kinds,
        clears_at=factor.clears_at,
    )


def state_under(
    policy: EnrollmentPolicy, account: Account, factor: SecondFactor | None, at: datetime
) -> TwoFactorState:
    """As `state_of`, and whether the account must have a second factor, and from when on."""
    state, required = state_of(factor, at), policy.applies_to(account)
    if not required:
        return state
    is_on = state.status is TwoFactorStatus.ENABLED
    return replace(state, required=True, required_from=None if is_on else account.two_factor_deadline)


@dataclass(frozen=True)
class ProofByStep:
    """The code of a time step that comes after the last one accepted from this device, not yet spent."""

    device_id: UUID
    step: int
    in_a_row: int
    """The number this attempt was counted under, in case it turns out to be wrong after all."""
    amr: tuple[str, ...] = BY_PASSWORD_AND_CODE


@dataclass(frozen=True)
class ProofByRecoveryCode:
    """Text that may be one of the account's recovery codes; spending it tells."""

    digest: bytes = field(repr=False)
    in_a_row: int
    amr: tuple[str, ...] = BY_PASSWORD_AND_RECOVERY_CODE


Proof = ProofByStep | ProofByRecoveryCode


@dataclass(frozen=True)
class Issued:
    """A secret on its way into an authenticator app: shown once."""

    id: UUID
    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    qr_svg: str = field(repr=False)
    qr_png: str = field(repr=False)
    issuer: str
    account_name: str
    expires_at: datetime


@dataclass(frozen=True)
class Authenticator:
    """What the owner may know of one. `passkey` and `backed_up` are None for an app."""

    id: UUID
    kind: Kind
    name: str
    created_at: datetime
    last_used_at: datetime | None
    passkey: bool | None
    backed_up: bool | None


@dataclass(frozen=True)
class Added:
    """An authenticator was added; the recovery codes are those of the first one, and shown once."""

    changed: Changed
    authenticator: Authenticator
    recovery_codes: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True)
class Credential:
    """A WebAuthn credential, as its assertions are judged."""

    authenticator_id: UUID
    account_id: UUID
    public_key: bytes = field(repr=False)
    user_handle: bytes = field(repr=False)
    passkey: bool


@dataclass(frozen=True)
class Registration:
    """A WebAuthn credential that is being made: `begun_at` is when the password was proved."""

    account_id: UUID
    name: str
    passkey: bool
    begun_at: datetime


@dataclass(frozen=True)
class ProofByCredential:
    """A right assertion, not yet spent: its counter is compared when it is."""

    authenticator_id: UUID
    sign_count: int
    backed_up: bool
    amr: tuple[str, ...]


_ATTEMPTS_REMAINING = Field(
    description="With `invalid_code`: how many wrong codes are free before the nearest limit bites.", examples=[4]
)


@dataclass(eq=False, kw_only=True)
class WrongCode(NotAllowed):
    """`in_a_row` counts this one in; it is not told, but log-in hints at a wrong clock from the second one on."""

    code = "invalid_code"
    title = "The code is wrong, or was used before."
    in_a_row: int
    attempts_remaining: Annotated[int, _ATTEMPTS_REMAINING]
    clock_skew_seconds: Annotated[
        int | None,
        Field(
            description="With `invalid_code` at the confirmation, where the code belongs to a time nearby: positive "
            "when the device is ahead of us."
        ),
    ] = None
    server_time: Annotated[datetime | None, Field(description="With `clock_skew_seconds`.")] = None

    def at_login(self, *, attempts_remaining: int) -> "WrongCodeAtLogin":
        """Whatever the code was, so that the hint tells nothing about it."""
        hint = True if self.in_a_row >= _CODES_BEFORE_THE_CLOCK_HINT else None
        return WrongCodeAtLogin(attempts_remaining=attempts_remaining, check_device_clock=hint)


@dataclass(eq=False, kw_only=True)
class WrongCodeAtLogin(NotAuthenticated):
    code = WrongCode.code
    title = WrongCode.title
    attempts_remaining: Annotated[int, _ATTEMPTS_REMAINING]
    check_device_clock: Annotated[
        bool | None,
        Field(
            description="With `invalid_code` at log-in: true from the second wrong code in a row on, whatever it was."
        ),
    ] = None


class AlreadyEnabled(Conflict):
    code = "two_factor_already_enabled"
    title = "Two-factor authentication is on already; say whether to add a device or to replace one."


class NotEnabled(Conflict):
    code = "two_factor_not_enabled"
    title = "Two-factor authentication is not on."


class NoPendingEnrollment(Conflict):
    code = "no_pending_enrollment"
    title = "There is no enrollment to confirm; begin one."


class RequiredByPolicy(Conflict):
    code = "two_factor_required_by_policy"
    title = "This account must have two-factor authentication; it can't be turned off."


class EnrollmentExpired(Gone):
    code = "enrollment_expired"
    title = "The enrollment has expired; begin again."


class InvalidCredential(NotAllowed):
    code = "invalid_credential"
    title = "The security key or passkey was not accepted."


@dataclass(eq=False, kw_only=True)
class InvalidCredentialAtLogin(NotAuthenticated):
    code = InvalidCredential.code
    title = InvalidCredential.title
    attempts_remaining: Annotated[int | None, _ATTEMPTS_REMAINING] = None


class MethodNotAvailable(Conflict):
    code = "method_not_available"
    title = "This account has no security key or passkey."


class SecondFactorRequired(NotAllowed):
    code = "second_factor_required"
    title = "This account needs its second factor as well."


class LastAuthenticator(Conflict):
    code = "last_authenticator"
    title = "This is the only authenticator; turn two-factor authentication off instead."


class AuthenticatorLimitReached(Conflict):
    code = "authenticator_limit_reached"
    title = "This account has as many authenticators of this kind as it may have; remove one first."


class AuthenticatorExists(Conflict):
    code = "authenticator_exists"
    title = "This authenticator is in use already."


class RegistrationExpired(Gone):
    code = "registration_expired"
    title = "This registration was used, or has expired; begin again."


def is_totp_code(code: str) -> bool:
    """Six ASCII digits; everything else that comes in as a code is a recovery code."""
    return len(code) == _TOTP_CODE_LENGTH and code.isascii() and code.isdigit()


def new_recovery_codes() -> list[str]:
    """Ten codes of 120 random bits each, in six groups of four base32 characters."""
    codes = (base64.b32encode(random_bytes(_RECOVERY_CODE_BYTES)).decode() for _ in range(RECOVERY_CODE_COUNT))
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def plain_recovery_code(text: str) -> str:
    """Without what typing, pasting and word processors add: case, white space, any dash, what has no width.

    Empty where a letter outside ASCII is left, since some of those have an ASCII capital.
    """
    kept = "".join(char for char in text if not _is_decoration(char)).rstrip(",;.")
    return kept.upper() if kept.isascii() else ""


def _is_decoration(char: str) -> bool:
    return char.isspace() or char in _OTHER_DASHES or unicodedata.category(char) in _DECORATION


def recovery_code_digest(code: str) -> bytes:
    """SHA-256 is enough for 120 random bits (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(plain_recovery_code(code).encode()).digest()
