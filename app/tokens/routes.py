"""`/v1/me/tokens` and `/v1/logout`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from app.http.pages import PageParams
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import InvalidToken, NotFound, SessionRequired
from app.tokens.domain import Caller, Kind, ReauthenticationRequired, TokenLimitReached
from app.tokens.guard import Guard
from app.tokens.personal import PersonalTokens
from app.tokens.schemas import CreatedToken, CreateToken, RenameToken, Token, TokenPage
from app.tokens.service import Tokens


def token_routes(tokens: Tokens, personal_tokens: PersonalTokens, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Authentication tokens"], route_class=StrictRoute)
    AnyToken = Annotated[Caller, Depends(guard.any_token)]  # noqa: N806 - a type
    Session = Annotated[Caller, Depends(guard.session)]  # noqa: N806

    @router.post("/logout", status_code=204, summary="Log out", responses=refuses(InvalidToken))
    async def log_out(caller: AnyToken, context: FromRequest) -> None:
        """Ends the calling token, session or personal."""
        await tokens.log_out(caller, context)

    @router.get("/me/tokens", summary="List one's live tokens", responses=refuses(InvalidToken))
    async def list_tokens(caller: AnyToken, page: PageParams, kind: Kind | None = None) -> TokenPage:
        """Newest first, of one kind or of both. `counts` and `current` are the same on every page."""
        return TokenPage.of(page, await tokens.list_live(caller, kind=kind, after=page.after, limit=page.limit))

    @router.post(
        "/me/tokens",
        status_code=201,
        summary="Create a personal token",
        responses=refuses(InvalidToken, SessionRequired, ReauthenticationRequired, TokenLimitReached),
    )
    async def create_token(caller: Session, body: CreateToken, context: FromRequest) -> CreatedToken:
        """The secret is shown in this answer and never again."""
        return CreatedToken.of(await personal_tokens.create(caller, body.wanted(), context))

    @router.patch(
        "/me/tokens/{id}",
        summary="Rename a personal token",
        responses=refuses(InvalidToken, SessionRequired, NotFound),
    )
    async def rename_token(caller: Session, id: UUID, body: RenameToken, context: FromRequest) -> Token:
        """A session has no description: its id is unknown here."""
        renamed = await personal_tokens.rename(caller, id, body.description, context)
        return Token.of(renamed, current=caller.token.id)

    @router.delete(
        "/me/tokens/{id}",
        status_code=204,
        summary="Revoke one token",
        responses=refuses(InvalidToken, SessionRequired, NotFound),
    )
    async def revoke_token(caller: Session, id: UUID, context: FromRequest) -> None:
        await tokens.revoke(caller, id, context)

    return router
