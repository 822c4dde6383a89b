"""`/v1/login/enrollment`."""

from fastapi import APIRouter

from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import RateLimited, TooManyAttempts
from app.two_factor.authenticators.schemas import RegistrationRequest
from app.two_factor.refusals import (
    AuthenticatorExists,
    EnrollmentExpired,
    InvalidCredential,
    NoPendingEnrollment,
    RegistrationExpired,
    WrongCode,
)
from app.two_factor.schemas import Confirmed, Enrollment
from app.two_factor.tickets import schemas
from app.two_factor.tickets.domain import TicketExpired
from app.two_factor.tickets.service import TicketService

_BY_TICKET = (TicketExpired, RateLimited)


def ticket_routes(tickets: TicketService) -> APIRouter:
    router = APIRouter(prefix="/v1/login/enrollment", tags=["Log in"], route_class=StrictRoute)

    @router.post("", status_code=201, summary="Log in: begin to enroll a device", responses=refuses(*_BY_TICKET))
    async def begin_enrollment_at_login(body: schemas.BeginByTicket, context: FromRequest) -> Enrollment:
        """The secret and its QR code, shown once. A new call replaces the pending enrollment."""
        return Enrollment.of(await tickets.begin(body.ticket, body.name, context))

    @router.post(
        "/confirm",
        summary="Log in: confirm the device",
        responses=refuses(*_BY_TICKET, WrongCode, NoPendingEnrollment, EnrollmentExpired, TooManyAttempts),
    )
    async def confirm_enrollment_at_login(body: schemas.ConfirmByTicket, context: FromRequest) -> Confirmed:
        """By a code of the new device; go on with the grant. The ticket is used up by a right one alone."""
        return Confirmed.of(await tickets.confirm(body.ticket, body.code, context))

    @router.post(
        "/webauthn/options",
        status_code=201,
        summary="Log in: begin to register a security key or passkey",
        responses=refuses(*_BY_TICKET),
    )
    async def begin_registration_at_login(
        body: schemas.BeginRegistrationByTicket, context: FromRequest
    ) -> RegistrationRequest:
        """A passkey is asked for user verification and logs in alone; a security key is a second factor."""
        return RegistrationRequest.of(
            await tickets.begin_registration(body.ticket, body.name, context, passkey=body.passkey)
        )

    @router.post(
        "/webauthn",
        summary="Log in: register the security key or passkey",
        responses=refuses(*_BY_TICKET, InvalidCredential, AuthenticatorExists, RegistrationExpired),
    )
    async def register_at_login(body: schemas.RegisterByTicket, context: FromRequest) -> Confirmed:
        """Go on with the grant. The ticket is used up by a right credential alone."""
        return Confirmed.of(await tickets.register(body.ticket, body.registration, body.credential, context))

    return router
