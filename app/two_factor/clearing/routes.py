"""`/v1/two-factor-clearing`."""

from fastapi import APIRouter

from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import RateLimited
from app.two_factor.clearing.domain import CancelLinkInvalid
from app.two_factor.clearing.schemas import CancelClearing, TwoFactorKept
from app.two_factor.clearing.service import TwoFactorClearing


def clearing_routes(clearing: TwoFactorClearing) -> APIRouter:
    router = APIRouter(prefix="/v1/two-factor-clearing", tags=["Lost device"], route_class=StrictRoute)

    @router.post(
        "/cancel",
        summary="Keep two-factor authentication on, by the link of a mail",
        responses=refuses(CancelLinkInvalid, RateLimited),
    )
    async def cancel_clearing(body: CancelClearing, context: FromRequest) -> TwoFactorKept:
        """The password that the reset set is void, everything that the account had is dead, and for a week no reset
        begins to clear two-factor authentication.
        """
        await clearing.cancel_by_link(body.token, context)
        return TwoFactorKept()

    return router
