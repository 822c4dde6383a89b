"""`/v1/me`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.accounts.domain import WeakPassword, WrongPassword
from app.authentication.schemas import Account
from app.http.pages import Page, PageParams
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import InvalidToken, Overloaded, SessionRequired, TooManyAttempts
from app.profile.schemas import ChangePassword, ChangeProfile, Event, PasswordChanged
from app.profile.service import Profile
from app.tokens.domain import Caller
from app.tokens.guard import Guard
from app.tokens.schemas import RevokeAll, Revoked, RevokedAll
from app.tokens.service import Tokens
from app.two_factor.service import TwoFactor


def profile_routes(profile: Profile, two_factor: TwoFactor, tokens: Tokens, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1/me", route_class=StrictRoute)
    AnyToken = Annotated[Caller, Depends(guard.any_token)]  # noqa: N806 - a type
    Session = Annotated[Caller, Depends(guard.session)]  # noqa: N806

    @router.get("", tags=["Account"], summary="See one's account", responses=refuses(InvalidToken))
    async def get_me(caller: AnyToken, context: FromRequest) -> Account:
        return Account.of(caller.account.as_of(context.at), await two_factor.state(caller.account))

    @router.patch(
        "", tags=["Account"], summary="Change one's language", responses=refuses(InvalidToken, SessionRequired)
    )
    async def change_me(caller: Session, body: ChangeProfile, context: FromRequest) -> Account:
        """The one that mails are written in, where there are mails in it."""
        account = await profile.set_locale(caller, body.locale, context)
        return Account.of(account, await two_factor.state(account))

    @router.post(
        "/password",
        tags=["Account"],
        summary="Change one's password",
        responses=refuses(InvalidToken, SessionRequired, WrongPassword, WeakPassword, TooManyAttempts, Overloaded),
    )
    async def change_password(caller: Session, body: ChangePassword, context: FromRequest) -> PasswordChanged:
        """Two-factor authentication stays as it is; everything else that the account had is dead."""
        changed = await profile.change_password(caller, body.current_password, body.new_password, context)
        return PasswordChanged.of(changed)

    @router.post(
        "/tokens/revoke-all",
        tags=["Authentication tokens"],
        summary="Revoke one's tokens",
        responses=refuses(InvalidToken, SessionRequired),
    )
    async def revoke_all_tokens(caller: Session, context: FromRequest, body: RevokeAll | None = None) -> RevokedAll:
        """All but the calling one, unless `keep_current` is false."""
        keep = body is None or body.keep_current
        revoked = await (tokens.revoke_others if keep else profile.revoke_all_tokens)(caller, context)
        return RevokedAll(revoked=Revoked.of(revoked))

    @router.get(
        "/events", tags=["Account"], summary="List what happened to one's account", responses=refuses(InvalidToken)
    )
    async def list_events(caller: AnyToken, page: PageParams) -> Page[Event]:
        """Newest first."""
        return Page[Event].of(page, await profile.events(caller, after=page.after, limit=page.limit), Event.of)

    return router
