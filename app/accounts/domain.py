"""An account, its address, and what can be refused about them."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from app.kernel.refusal import Conflict, FieldError, NotAllowed, Unacceptable

_LONGEST_ADDRESS = 254
_RESERVED = re.compile(r"\.(?:local|test)$", re.IGNORECASE)


class Status(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class AccountPolicy(StrEnum):
    """Whether one account must have two-factor authentication; by default as the service has it."""

    INHERIT = "inherit"
    REQUIRED = "required"
    EXEMPT = "exempt"


@dataclass(frozen=True)
class Address:
    """A mail address as it is written to, and as it is compared: ASCII alone, so that no two scripts meet in one."""

    text: str
    folded: str


@dataclass(frozen=True)
class Account:
    id: UUID
    address: str
    status: Status
    epoch: int
    created_at: datetime
    password_hash: str | None = field(repr=False)
    external_id: str | None = None
    """What another system calls this account, where it was imported from one."""
    email_verified_at: datetime | None = None
    last_login_at: datetime | None = None
    locale: str | None = None
    """The language that the person is written to in, as BCP 47 names it."""
    pending_address: str | None = None
    """The newest address that was asked for and has not been confirmed."""
    pending_until: datetime | None = None
    two_factor_policy: AccountPolicy = AccountPolicy.INHERIT
    two_factor_deadline: datetime | None = None
    """From when on it must have a second factor to act, if the policy asks for one; granted once, never moved back."""

    def as_of(self, at: datetime) -> "Account":
        """Without a pending address whose time has run out."""
        if self.pending_until is None or at < self.pending_until:
            return self
        return replace(self, pending_address=None, pending_until=None)

    @property
    def is_active(self) -> bool:
        return self.status is Status.ACTIVE

    @property
    def folded_address(self) -> str:
        return self.address.lower()


@dataclass(frozen=True)
class EnrollmentPolicy:
    """Whether accounts must have two-factor authentication, and how long one without it has to turn it on."""

    required: bool = False
    grace: timedelta = timedelta(0)

    def applies_to(self, account: Account) -> bool:
        if account.two_factor_policy is AccountPolicy.INHERIT:
            return self.required
        return account.two_factor_policy is AccountPolicy.REQUIRED


class WrongPassword(NotAllowed):
    code = "wrong_password"
    title = "The password is wrong."


class WeakPassword(Unacceptable):
    code = "weak_password"
    title = "This password will not do."


class AddressTaken(Conflict):
    code = "email_taken"
    title = "There is an account with this address."


def read_address(text: str, *, pointer: str = "/email", reserved_domains: bool = False) -> Address:
    """Raises FieldError. `reserved_domains` lets addresses below .local and .test in.

    An address is ASCII, its domain in another script punycode.

    What turns other characters into ASCII ones makes two addresses one: a dotless i must never reach the mailbox of an
    i, nor an ideographic full stop (U+3002) stand for a dot.
    """
    try:
        if len(text) > _LONGEST_ADDRESS:
            raise FieldError(pointer, "Must be a mail address of at most 254 characters.")
        if not text.isascii():
            raise FieldError(pointer, "Must be a mail address in ASCII; write other domains as punycode (xn--…).")
        reserved = _RESERVED.search(text)
        if reserved and not reserved_domains:
            raise FieldError(
                pointer,
                "Addresses below .local and .test lead nowhere on the internet (RFC 6761, RFC 6762) and are refused"
                " unless TWOKEYS_RESERVED_DOMAINS is true.",
            )
        # The library knows an exception for .test alone.
        checked = f"{text[: reserved.start()]}.test" if reserved else text
        found = validate_email(
            checked, check_deliverability=False, allow_smtputf8=False, test_environment=bool(reserved)
        )
    except (EmailNotValidError, UnicodeError):
        raise FieldError(pointer, "Must be a mail address.") from None
    normalized = found.ascii_email or found.normalized
    if reserved:
        normalized = normalized.removesuffix(".test") + reserved[0]
    return Address(text=normalized, folded=normalized.lower())
