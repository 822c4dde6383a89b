"""`/v1/me/2fa`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.accounts.domain import WrongPassword
from app.authentication.schemas import TwoFactor as TwoFactorOut
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import InvalidToken, NotFound, Overloaded, SessionRequired, TooManyAttempts
from app.tokens.domain import Caller, ReauthenticationRequired
from app.tokens.guard import Guard
from app.two_factor import schemas
from app.two_factor.refusals import (
    AlreadyEnabled,
    AuthenticatorExists,
    AuthenticatorLimitReached,
    EnrollmentExpired,
    NoPendingEnrollment,
    NotEnabled,
    RequiredByPolicy,
    WrongCode,
)
from app.two_factor.service import TwoFactor

_ASKS_FOR_PASSWORD = (InvalidToken, SessionRequired, WrongPassword, TooManyAttempts, Overloaded)


def two_factor_routes(two_factor: TwoFactor, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1/me/2fa", tags=["Two-factor authentication"], route_class=StrictRoute)
    AnyToken = Annotated[Caller, Depends(guard.any_token)]  # noqa: N806 - a type
    Session = Annotated[Caller, Depends(guard.session)]  # noqa: N806

    @router.get("", summary="See whether two-factor authentication is on", responses=refuses(InvalidToken))
    async def get_two_factor(caller: AnyToken) -> TwoFactorOut:
        return TwoFactorOut.of(await two_factor.state(caller.account))

    @router.post(
        "/enrollment",
        status_code=201,
        summary="Begin to enroll a device",
        responses=refuses(
            *_ASKS_FOR_PASSWORD, ReauthenticationRequired, AlreadyEnabled, AuthenticatorLimitReached, NotFound
        ),
    )
    async def begin_enrollment(
        caller: Session, body: schemas.BeginEnrollment, context: FromRequest
    ) -> schemas.Enrollment:
        """The secret and its QR code, shown once. A new call replaces the pending enrollment.

        A device that is replaced works until the new one is confirmed.
        """
        return schemas.Enrollment.of(
            await two_factor.begin(
                caller, body.password, context, name=body.name, additional=body.additional, replaces=body.replaces
            )
        )

    @router.delete(
        "/enrollment",
        status_code=204,
        summary="Drop a pending enrollment",
        responses=refuses(InvalidToken, SessionRequired),
    )
    async def cancel_enrollment(caller: Session, context: FromRequest) -> None:
        """One that this session began; another session's is left alone."""
        await two_factor.cancel(caller, context)

    @router.post(
        "/confirm",
        summary="Confirm a device",
        responses=refuses(
            InvalidToken,
            SessionRequired,
            WrongCode,
            NoPendingEnrollment,
            EnrollmentExpired,
            AuthenticatorExists,
            AuthenticatorLimitReached,
            TooManyAttempts,
        ),
    )
    async def confirm_enrollment(caller: Session, body: schemas.Confirm, context: FromRequest) -> schemas.Confirmed:
        """By a code of the new device; go on with the grant.

        The first device turns two-factor authentication on, and a replacement takes the old one's place: everything
        that the account had is dead. A further one ends only the calling session.
        """
        return schemas.Confirmed.of(
            await two_factor.confirm(caller, body.code, context, enrollment_id=body.enrollment_id)
        )

    @router.post(
        "/disable",
        summary="Turn two-factor authentication off",
        responses=refuses(*_ASKS_FOR_PASSWORD, WrongCode, NotEnabled, RequiredByPolicy),
    )
    async def disable_two_factor(caller: Session, body: schemas.Disable, context: FromRequest) -> schemas.Disabled:
        """Everything that the account had is dead; go on with the grant. A code that is sent must be right.

        An account that must have it can replace its devices, and not turn it off.
        """
        return schemas.Disabled.of(await two_factor.disable(caller, body.password, body.code, context))

    @router.post(
        "/recovery-codes",
        status_code=201,
        summary="Replace the recovery codes",
        responses=refuses(*_ASKS_FOR_PASSWORD, NotEnabled),
    )
    async def replace_recovery_codes(
        caller: Session, body: schemas.ReplaceRecoveryCodes, context: FromRequest
    ) -> schemas.NewRecoveryCodes:
        """The old set is dead."""
        return schemas.NewRecoveryCodes(
            recovery_codes=await two_factor.replace_recovery_codes(caller, body.password, context)
        )

    return router
