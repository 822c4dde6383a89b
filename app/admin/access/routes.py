"""`/v1/admin/accounts/{id}/…`: the ways into one account."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from app.admin.access.service import Access
from app.admin.routes import CLIENT, operator_with
from app.admin.schemas import (
    AnyAccount,
    ClearingCancelled,
    PasswordResetSent,
    ResetTwoFactor,
    TokensRevoked,
    TwoFactorReset,
    WithReason,
    show_account,
)
from app.authentication.schemas import TwoFactor
from app.clients.domain import Role
from app.clients.service import Clients
from app.http.pages import PageParams
from app.http.problems import refuses
from app.http.strict_json import StrictRoute
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.password_reset.domain import AccountDisabled, TooManyResetMails
from app.tokens.schemas import AccountTokens, Revoked
from app.two_factor.clearing.domain import NothingToCancel
from app.two_factor.refusals import LastAuthenticator


def access_routes(access: Access, clients: Clients) -> APIRouter:
    router = APIRouter(prefix="/v1/admin", tags=["Administration"], route_class=StrictRoute)
    Reader = Annotated[RequestContext, Depends(operator_with(clients, Role.ACCOUNTS_READ))]  # noqa: N806 - a type
    By = Annotated[RequestContext, Depends(operator_with(clients, Role.ACCOUNTS_WRITE))]  # noqa: N806 - a type

    @router.get("/accounts/{id}/tokens", summary="List a person's live tokens", responses=refuses(*CLIENT, NotFound))
    async def list_tokens_of_account(_: Reader, id: UUID, page: PageParams) -> AccountTokens:
        """Newest first."""
        return AccountTokens.showing(page, await access.tokens_of(id, after=page.after, limit=page.limit))

    @router.post(
        "/accounts/{id}/2fa/reset",
        summary="Turn off a person's two-factor authentication",
        responses=refuses(*CLIENT, NotFound, LastAuthenticator),
    )
    async def reset_two_factor(by: By, id: UUID, body: ResetTwoFactor) -> TwoFactorReset:
        """Also ends a lock by wrong codes, and everything that the account had. The person is mailed.

        With `authenticator_id` that one alone is removed, unless it is the last.
        """
        if body.authenticator_id is None:
            return TwoFactorReset.of(await access.reset_two_factor(id, body.reason, by))
        return TwoFactorReset.of(await access.remove_authenticator(id, body.authenticator_id, body.reason, by))

    @router.post(
        "/accounts/{id}/2fa/clearing/cancel",
        summary="Keep a person's two-factor authentication on",
        responses=refuses(*CLIENT, NotFound, NothingToCancel),
    )
    async def cancel_clearing_of_account(by: By, id: UUID, body: WithReason) -> ClearingCancelled:
        """Ends the wait that a password reset began. The new password stays; the person is mailed."""
        state = await access.cancel_clearing(id, body.reason, by)
        return ClearingCancelled(two_factor=TwoFactor.of(state))

    @router.post(
        "/accounts/{id}/tokens/revoke",
        summary="Revoke a person's tokens",
        responses=refuses(*CLIENT, NotFound),
    )
    async def revoke_tokens_of_account(by: By, id: UUID, body: WithReason) -> TokensRevoked:
        return TokensRevoked(revoked=Revoked.of(await access.revoke_tokens(id, body.reason, by)))

    @router.delete(
        "/accounts/{id}/tokens/{token_id}",
        status_code=204,
        summary="Revoke one token of a person",
        responses=refuses(*CLIENT, NotFound),
    )
    async def revoke_token_of_account(by: By, id: UUID, token_id: UUID) -> None:
        await access.revoke_token(id, token_id, by)

    @router.post("/accounts/{id}/unlock", summary="End a person's locks", responses=refuses(*CLIENT, NotFound))
    async def unlock_account(by: By, id: UUID, body: WithReason) -> AnyAccount:
        """Those by wrong codes and by wrong passwords, and nothing else."""
        return show_account(await access.unlock(id, body.reason, by))

    @router.post(
        "/accounts/{id}/password-reset",
        status_code=202,
        summary="Mail a person a reset link",
        responses=refuses(*CLIENT, NotFound, AccountDisabled, TooManyResetMails),
    )
    async def send_password_reset(by: By, id: UUID) -> PasswordResetSent:
        """An operator never chooses the password. Five an hour, beside those that the person asks for."""
        await access.send_password_reset(id, by)
        return PasswordResetSent()

    return router
