"""`/v1/password-reset`."""

from fastapi import APIRouter

from app.accounts.domain import WeakPassword
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import Overloaded, RateLimited, TooManyAttempts
from app.password_reset.domain import ResetTokenInvalid
from app.password_reset.schemas import AskForReset, CheckReset, CompleteReset, ResetAsked, ResetChecked, ResetCompleted
from app.password_reset.service import PasswordReset
from app.two_factor.refusals import SecondFactorRequired, WrongCode


def password_reset_routes(password_reset: PasswordReset) -> APIRouter:
    router = APIRouter(prefix="/v1/password-reset", tags=["Lost device"], route_class=StrictRoute)

    @router.post("", status_code=202, summary="Ask for a reset link", responses=refuses(RateLimited))
    async def ask_for_password_reset(body: AskForReset, context: FromRequest) -> ResetAsked:
        """The same answer in the same time, whether or not the address has an account."""
        await password_reset.request(body.email, context)
        return ResetAsked()

    @router.post("/check", summary="See what a reset link would do", responses=refuses(ResetTokenInvalid, RateLimited))
    async def check_password_reset(body: CheckReset, context: FromRequest) -> ResetChecked:
        """Spends nothing, so that a page can say before the new password is chosen that a link is dead."""
        return ResetChecked.of(await password_reset.check(body.token, context))

    @router.post(
        "/confirm",
        summary="Set a new password by the link",
        responses=refuses(
            ResetTokenInvalid,
            WeakPassword,
            SecondFactorRequired,
            WrongCode,
            TooManyAttempts,
            RateLimited,
            Overloaded,
        ),
    )
    async def complete_password_reset(body: CompleteReset, context: FromRequest) -> ResetCompleted:
        """Everything that the account had is dead; by default two-factor authentication is off."""
        return ResetCompleted.of(await password_reset.complete(body.token, body.new_password, body.code, context))

    return router
