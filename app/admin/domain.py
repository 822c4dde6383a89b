"""Who acts on other people's accounts, why, and what comes of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import add

from app.accounts.domain import Account, AccountPolicy, Status
from app.authentication.domain import TwoFactorState, TwoFactorStatus
from app.kernel.refusal import FieldError
from app.tokens.domain import Revoked

LONGEST_REASON = 500


@dataclass(frozen=True)
class KnownAccount:
    """An account as an operator sees it."""

    account: Account
    two_factor: TwoFactorState


@dataclass(frozen=True)
class AccountFilter:
    """What a page of accounts is narrowed to; all of what is given must fit."""

    email: str | None = None
    email_prefix: str | None = None
    external_id: str | None = None
    status: Status | None = None
    two_factor: TwoFactorStatus | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    overdue: bool = False
    """Only active accounts that must have a second factor, and are past their deadline without one."""


@dataclass(frozen=True)
class Coverage:
    """How many active accounts there are, and how many in each state; one may be in several."""

    accounts: int
    enabled: int
    phishing_resistant: int
    in_grace: int
    overdue: int
    exempt: int

    def __add__(self, other: "Coverage") -> "Coverage":
        return Coverage(*map(add, vars(self).values(), vars(other).values()))


@dataclass(frozen=True)
class CoverageCount:
    coverage: Coverage
    counted_at: datetime

    def age(self, at: datetime) -> timedelta:
        """Never below zero: a count from a clock that ran ahead gets old as well."""
        return abs(at - self.counted_at)


@dataclass(frozen=True)
class AccountChange:
    """What an operator changes of an account; what is None stays, but a locale can be taken away."""

    email: str | None = None
    status: Status | None = None
    locale: str | None = None
    changes_locale: bool = False
    policy: AccountPolicy | None = None
    reason: str | None = None
    """Why the policy changes."""


@dataclass(frozen=True)
class TwoFactorReset:
    two_factor: TwoFactorState
    revoked: Revoked


def read_reason(text: str) -> str:
    """Why an operator did it, for those who ask later. Raises FieldError."""
    if not text.strip() or len(text) > LONGEST_REASON or not text.isprintable():
        raise FieldError("/reason", "Must be 1 to 500 printable characters.")
    return text
