"""`/v1/me/reauthenticate`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.accounts.domain import WrongPassword
from app.authentication.domain import Changed
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import InvalidToken, Overloaded, SessionRequired, TooManyAttempts
from app.kernel.request_context import RequestContext
from app.reauthentication.schemas import Reauthenticate, Reauthenticated
from app.reauthentication.service import Reauthentication
from app.tokens.domain import Caller
from app.tokens.guard import Guard
from app.two_factor.authenticators.schemas import AssertionRequest, NoMembers
from app.two_factor.refusals import InvalidCredential, MethodNotAvailable, SecondFactorRequired, WrongCode


def reauthentication_routes(reauthentication: Reauthentication, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1/me/reauthenticate", tags=["Account"], route_class=StrictRoute)
    Session = Annotated[Caller, Depends(guard.session)]  # noqa: N806 - a type

    @router.post(
        "/options",
        summary="Ask for a security key, to prove oneself again",
        responses=refuses(InvalidToken, SessionRequired, MethodNotAvailable),
    )
    async def request_reauthentication(caller: Session, _: NoMembers) -> AssertionRequest:
        return AssertionRequest.of(await reauthentication.request(caller))

    @router.post(
        "",
        summary="Prove oneself again",
        responses=refuses(
            InvalidToken,
            SessionRequired,
            WrongPassword,
            WrongCode,
            InvalidCredential,
            SecondFactorRequired,
            TooManyAttempts,
            Overloaded,
        ),
    )
    async def reauthenticate(caller: Session, body: Reauthenticate, context: FromRequest) -> Reauthenticated:
        """A new session takes the place of the calling one, which is dead: go on with the grant."""
        return Reauthenticated.of(await _by_its_proof(reauthentication, caller, body, context))

    return router


async def _by_its_proof(
    reauthentication: Reauthentication, caller: Caller, body: Reauthenticate, context: RequestContext
) -> Changed:
    if body.password is not None:
        return await reauthentication.by_password(caller, body.password, context)
    if body.code is not None:
        return await reauthentication.by_code(caller, body.code, context)
    assert body.challenge is not None  # noqa: S101 - held by the schema
    assert body.credential is not None  # noqa: S101
    return await reauthentication.by_credential(caller, body.challenge, body.credential, context)
