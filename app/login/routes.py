"""`/v1/login`."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.authentication.domain import Grant as Granted
from app.authentication.schemas import Grant
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import NotFound, Overloaded, RateLimited, TooManyAttempts
from app.login.by_credential import CredentialLogin
from app.login.domain import InvalidCredentials, PasswordResetRequired
from app.login.schemas import (
    EnrollmentRequired,
    LogIn,
    LogInByPasskey,
    RequestOptions,
    SecondStep,
    SecondStepOptions,
    TwoFactorRequired,
)
from app.login.service import Login
from app.two_factor.authenticators.schemas import AssertionRequest, NoMembers
from app.two_factor.challenges.domain import ChallengeExpired
from app.two_factor.refusals import InvalidCredentialAtLogin, MethodNotAvailable, WrongCodeAtLogin
from app.two_factor.tickets.domain import TicketIssued

LoginAnswer = Annotated[Grant | TwoFactorRequired | EnrollmentRequired, Field(discriminator="status")]


def login_routes(login: Login, by_credential: CredentialLogin) -> APIRouter:
    router = APIRouter(prefix="/v1/login", tags=["Log in"], route_class=StrictRoute)

    @router.post(
        "",
        summary="Log in with address and password",
        response_model=LoginAnswer,
        responses=refuses(
            InvalidCredentials, PasswordResetRequired, WrongCodeAtLogin, TooManyAttempts, RateLimited, Overloaded
        ),
    )
    async def log_in(body: LogIn, context: FromRequest) -> Grant | TwoFactorRequired | EnrollmentRequired:
        """A grant; or a challenge, where two-factor authentication is on and no code came along; or a ticket.

        A ticket is for an account that must have a second factor and has none in time. It opens the four calls below
        `/v1/login/enrollment`, and nothing else.
        """
        answer = await login.by_password(body.email, body.password, body.code, context)
        if isinstance(answer, Granted):
            return Grant.of(answer)
        return EnrollmentRequired.of(answer) if isinstance(answer, TicketIssued) else TwoFactorRequired.of(answer)

    @router.post(
        "/two-factor",
        summary="Log in: the second step",
        responses=refuses(WrongCodeAtLogin, InvalidCredentialAtLogin, ChallengeExpired, TooManyAttempts, RateLimited),
    )
    async def log_in_second_step(body: SecondStep, context: FromRequest) -> Grant:
        """By a code, or by a security key's answer to the options."""
        if body.code is not None:
            return Grant.of(await login.by_code(body.challenge, body.code, context))
        assert body.credential is not None  # noqa: S101 - held by the schema
        return Grant.of(await by_credential.second_step(body.challenge, body.credential, context))

    @router.post(
        "/two-factor/options",
        summary="Ask for a security key, for the second step",
        responses=refuses(ChallengeExpired, MethodNotAvailable, RateLimited),
    )
    async def request_second_step(body: SecondStepOptions, context: FromRequest) -> RequestOptions:
        """Each answer needs options of its own."""
        return RequestOptions(public_key=await by_credential.second_step_options(body.challenge, context))

    @router.post("/passkey/options", summary="Ask for a passkey, to log in", responses=refuses(NotFound, RateLimited))
    async def request_passkey(_: NoMembers, context: FromRequest) -> AssertionRequest:
        """The same for everybody; any passkey of this service may answer."""
        return AssertionRequest.of(await by_credential.passkey_options(context))

    @router.post(
        "/passkey",
        summary="Log in by passkey alone",
        responses=refuses(NotFound, InvalidCredentialAtLogin, RateLimited),
    )
    async def log_in_by_passkey(body: LogInByPasskey, context: FromRequest) -> Grant:
        """A passkey that verified its user is both factors."""
        return Grant.of(await by_credential.by_passkey(body.challenge, body.credential, context))

    return router
