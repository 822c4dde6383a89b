"""`/v1/login`."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.accounts.domain import read_address
from app.infrastructure.problems import refuses
from app.infrastructure.strict_json import StrictRoute
from app.infrastructure.wire import FromOrigin
from app.kernel.refusal import Overloaded, RateLimited, TooManyAttempts
from app.login.domain import ChallengeExpired, InvalidCredentials
from app.login.schemas import LogIn, SecondStep, TwoFactorRequired
from app.login.service import Login
from app.two_factor.domain import Grant as Granted
from app.two_factor.domain import WrongCodeAtLogin
from app.two_factor.schemas import Grant

LoginAnswer = Annotated[Grant | TwoFactorRequired, Field(discriminator="status")]


def _first_step_of(login: Login) -> type[StrictRoute]:
    class FirstStep(StrictRoute):
        """Looks for room before it reads: in a flood, what is shed must cost the event loop next to nothing."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_with_room(request: Request) -> Response:
                login.refuse_when_full()
                return await handle(request)

            return handle_with_room

    return FirstStep


def login_routes(login: Login) -> APIRouter:
    router = APIRouter(prefix="/v1/login", tags=["Log in"], route_class=StrictRoute)

    async def log_in(body: LogIn, origin: FromOrigin) -> Grant | TwoFactorRequired:
        """A grant, or a challenge where two-factor authentication is on and no code came along."""
        answer = await login.by_password(read_address(body.email), body.password, body.code, origin)
        return Grant.of(answer) if isinstance(answer, Granted) else TwoFactorRequired.of(answer)

    router.add_api_route(
        "",
        log_in,
        methods=["POST"],
        summary="Log in with address and password",
        response_model=LoginAnswer,
        responses=refuses(InvalidCredentials, WrongCodeAtLogin, TooManyAttempts, RateLimited, Overloaded),
        route_class_override=_first_step_of(login),
    )

    @router.post(
        "/two-factor",
        summary="Log in: the second step",
        responses=refuses(WrongCodeAtLogin, ChallengeExpired, TooManyAttempts),
    )
    async def log_in_second_step(body: SecondStep, origin: FromOrigin) -> Grant:
        return Grant.of(await login.by_code(body.challenge, body.code, origin))

    return router
