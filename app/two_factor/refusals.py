"""What can be refused around a second factor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.kernel.refusal import Conflict, Gone, NotAllowed, NotAuthenticated

_CODES_BEFORE_THE_CLOCK_HINT = 2
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
