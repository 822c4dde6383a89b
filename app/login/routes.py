"""`/v1/login`."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from app.authentication.domain import Grant as Granted
from app.authentication.schemas import Grant
from app.http.problems import refuses
from app.http.schemas import FromRequester
from app.http.strict_json import StrictRoute
from app.kernel.refusal import Overloaded, RateLimited, TooManyAttempts
from app.login.domain import InvalidCredentials
from app.login.schemas import LogIn, SecondStep, TwoFactorRequired
from app.login.service import Login
from app.two_factor.challenges.domain import ChallengeExpired
from app.two_factor.domain import WrongCodeAtLogin

LoginAnswer = Annotated[Grant | TwoFactorRequired, Field(discriminator="status")]


def login_routes(login: Login) -> APIRouter:
    router = APIRouter(prefix="/v1/login", tags=["Log in"], route_class=StrictRoute)

    @router.post(
        "",
        summary="Log in with address and password",
        response_model=LoginAnswer,
        responses=refuses(InvalidCredentials, WrongCodeAtLogin, TooManyAttempts, RateLimited, Overloaded),
    )
    async def log_in(body: LogIn, requester: FromRequester) -> Grant | TwoFactorRequired:
        """A grant, or a challenge where two-factor authentication is on and no code came along."""
        answer = await login.by_password(login.accounts.read_address(body.email), body.password, body.code, requester)
        return Grant.of(answer) if isinstance(answer, Granted) else TwoFactorRequired.of(answer)

    @router.post(
        "/two-factor",
        summary="Log in: the second step",
        responses=refuses(WrongCodeAtLogin, ChallengeExpired, TooManyAttempts),
    )
    async def log_in_second_step(body: SecondStep, requester: FromRequester) -> Grant:
        return Grant.of(await login.by_code(body.challenge, body.code, requester))

    return router
