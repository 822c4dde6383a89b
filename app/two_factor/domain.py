"""An account's second factor, what it can be proved by, and its state."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.accounts.domain import Account, EnrollmentPolicy
from app.authentication.domain import TWO_FACTOR_OFF, Changed, TwoFactorState, TwoFactorStatus
from app.tokens.domain import BY_PASSWORD_AND_CODE, BY_PASSWORD_AND_RECOVERY_CODE

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
