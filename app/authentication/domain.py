"""The account's second factor as others see it, what a proof grants, and what a change of credentials ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.accounts.domain import Account
from app.tokens.domain import IssuedToken, Revoked


class TwoFactorStatus(StrEnum):
    DISABLED = "disabled"
    PENDING = "pending"
    ENABLED = "enabled"


@dataclass(frozen=True)
class TwoFactorState:
    """What an account may know of its second factor."""

    status: TwoFactorStatus
    enabled_at: datetime | None = None
    last_used_at: datetime | None = None
    enrollment_expires_at: datetime | None = None
    recovery_codes_remaining: int = 0
    methods: tuple[str, ...] = ()
    clears_at: datetime | None = None
    required: bool = False
    required_from: datetime | None = None
    """From when on the account may do nothing without it; None while it is on, or not required."""


TWO_FACTOR_OFF = TwoFactorState(TwoFactorStatus.DISABLED)


@dataclass(frozen=True)
class Grant:
    """What a successful proof returns."""

    issued: IssuedToken
    account: Account
    two_factor: TwoFactorState
    password_breached: bool = False


@dataclass(frozen=True)
class Changed:
    """What a caller's change of credentials gives: the session to go on in, and how much was revoked."""

    grant: Grant
    revoked: Revoked
