"""`/v1/not-me`."""

from fastapi import APIRouter

from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.not_me.domain import NotMeLinkInvalid
from app.not_me.schemas import NotMeReported, ReportNotMe
from app.not_me.service import NotMe
from app.tokens.schemas import Revoked


def not_me_routes(not_me: NotMe) -> APIRouter:
    router = APIRouter(tags=["Lost device"], route_class=StrictRoute)

    @router.post("/v1/not-me", summary="Say that it was somebody else", responses=refuses(NotMeLinkInvalid))
    async def report_not_me(body: ReportNotMe, context: FromRequest) -> NotMeReported:
        """By the link of a notice: everything that the account had is dead, and a reset link is mailed."""
        return NotMeReported(revoked=Revoked.of(await not_me.report(body.token, context)))

    return router
