"""`/v1/me/email` and `/v1/email-change`."""

from typing import Annotated

from fastapi import APIRouter, Depends

from app.accounts.domain import WrongPassword
from app.email_change.domain import EmailTokenInvalid
from app.email_change.schemas import (
    ConfirmEmailChange,
    EmailChanged,
    EmailChangeRequested,
    EmailChangeUndone,
    RequestEmailChange,
    UndoEmailChange,
)
from app.email_change.service import EmailChange
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import InvalidToken, Overloaded, SessionRequired, TooManyAttempts
from app.tokens.domain import Caller, ReauthenticationRequired
from app.tokens.guard import Guard
from app.tokens.schemas import Revoked


def email_change_routes(email_change: EmailChange, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["Account"], route_class=StrictRoute)
    Session = Annotated[Caller, Depends(guard.session)]  # noqa: N806 - a type

    @router.post(
        "/me/email",
        status_code=202,
        summary="Ask for another address",
        responses=refuses(
            InvalidToken, SessionRequired, ReauthenticationRequired, WrongPassword, TooManyAttempts, Overloaded
        ),
    )
    async def request_email_change(
        caller: Session, body: RequestEmailChange, context: FromRequest
    ) -> EmailChangeRequested:
        """The new mailbox gets a link; nothing changes before somebody follows it.

        The same answer in the same time, whether or not another account has the address.
        """
        pending = await email_change.request(caller, body.new_email, body.password, context)
        return EmailChangeRequested.of(pending)

    @router.delete(
        "/me/email/pending",
        status_code=204,
        summary="Cancel a change of address",
        responses=refuses(InvalidToken, SessionRequired),
    )
    async def cancel_email_change(caller: Session, context: FromRequest) -> None:
        """Every link to a new mailbox is dead."""
        await email_change.cancel(caller, context)

    @router.post(
        "/email-change/confirm", summary="Confirm an address by the link", responses=refuses(EmailTokenInvalid)
    )
    async def confirm_email_change(body: ConfirmEmailChange, context: FromRequest) -> EmailChanged:
        """Everything that the account had is dead. The old mailbox gets a link that takes the change back."""
        email, revoked = await email_change.confirm(body.token, context)
        return EmailChanged(email=email, revoked=Revoked.of(revoked))

    @router.post("/email-change/undo", summary="Take a change of address back", responses=refuses(EmailTokenInvalid))
    async def undo_email_change(body: UndoEmailChange, context: FromRequest) -> EmailChangeUndone:
        """By the link in the old mailbox. Whatever came after the change has ended, and so has the password."""
        return EmailChangeUndone(email=await email_change.undo(body.token, context))

    return router
