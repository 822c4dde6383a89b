"""`/v1/me/2fa/authenticators` and `/v1/me/2fa/webauthn`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.accounts.domain import WrongPassword
from app.http.problems import refuses
from app.http.schemas import FromRequest, IdIn
from app.http.strict_json import StrictRoute
from app.kernel.refusal import InvalidToken, NotFound, Overloaded, SessionRequired, TooManyAttempts
from app.tokens.domain import Caller, ReauthenticationRequired
from app.tokens.guard import Guard
from app.two_factor.authenticators import schemas
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.refusals import (
    AuthenticatorExists,
    AuthenticatorLimitReached,
    InvalidCredential,
    LastAuthenticator,
    RegistrationExpired,
)
from app.two_factor.schemas import Authenticator, Confirmed, Removed

_ASKS_FOR_PASSWORD = (
    InvalidToken,
    SessionRequired,
    ReauthenticationRequired,
    WrongPassword,
    TooManyAttempts,
    Overloaded,
)


def authenticator_routes(authenticators: AuthenticatorService, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1/me/2fa", tags=["Two-factor authentication"], route_class=StrictRoute)
    AnyToken = Annotated[Caller, Depends(guard.any_token)]  # noqa: N806 - a type
    Session = Annotated[Caller, Depends(guard.session)]  # noqa: N806

    @router.get("/authenticators", summary="List one's authenticators", responses=refuses(InvalidToken))
    async def list_authenticators(caller: AnyToken) -> schemas.AuthenticatorList:
        """Oldest first."""
        return schemas.AuthenticatorList.of(*await authenticators.all_of(caller))

    @router.patch(
        "/authenticators/{id}",
        summary="Rename an authenticator",
        responses=refuses(InvalidToken, SessionRequired, NotFound),
    )
    async def rename_authenticator(
        caller: Session, id: IdIn, body: schemas.RenameAuthenticator, context: FromRequest
    ) -> Authenticator:
        return Authenticator.of(await authenticators.rename(caller, id, body.name, context))

    @router.post(
        "/authenticators/{id}/remove",
        summary="Remove an authenticator",
        responses=refuses(*_ASKS_FOR_PASSWORD, NotFound, LastAuthenticator),
    )
    async def remove_authenticator(
        caller: Session, id: IdIn, body: schemas.RemoveAuthenticator, context: FromRequest
    ) -> Removed:
        """Everything that the account had is dead; go on with the grant. The last one can only be turned off."""
        return Removed.of(await authenticators.remove(caller, id, body.password, context))

    @router.post(
        "/webauthn/options",
        status_code=201,
        summary="Begin to register a security key or passkey",
        responses=refuses(*_ASKS_FOR_PASSWORD, AuthenticatorLimitReached),
    )
    async def begin_registration(
        caller: Session, body: schemas.BeginRegistration, context: FromRequest
    ) -> schemas.RegistrationRequest:
        """A passkey is asked for user verification and logs in alone; a security key is a second factor."""
        return schemas.RegistrationRequest.of(
            await authenticators.begin_registration(caller, body.password, body.name, context, passkey=body.passkey)
        )

    @router.post(
        "/webauthn",
        summary="Register a security key or passkey",
        responses=refuses(
            InvalidToken,
            SessionRequired,
            InvalidCredential,
            AuthenticatorExists,
            AuthenticatorLimitReached,
            RegistrationExpired,
        ),
    )
    async def register(caller: Session, body: schemas.Register, context: FromRequest) -> Confirmed:
        """The first authenticator turns two-factor authentication on; a further one ends only the calling session."""
        return Confirmed.of(await authenticators.register(caller, body.registration, body.credential, context))

    return router
