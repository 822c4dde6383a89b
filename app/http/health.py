"""`/healthz` and `/readyz`."""

from typing import Literal

from fastapi import APIRouter, Request

from app.database.engine import Database
from app.database.migrations import current_revision, is_behind
from app.http.problems import refuses
from app.http.schemas import ResponseModel
from app.kernel.refusal import Unavailable

# In the state that a server shares with each of its requests, from the moment on in which it was told to end.
DRAINING = "draining"


class Healthy(ResponseModel):
    status: Literal["ok"] = "ok"


def health_routes(database: Database) -> APIRouter:
    router = APIRouter(tags=["Operations"])

    @router.get("/healthz", summary="Does the process live?")
    async def get_health() -> Healthy:
        return Healthy()

    @router.get("/readyz", summary="Is the database reachable and migrated?", responses=refuses(Unavailable))
    async def get_readiness(request: Request) -> Healthy:
        if DRAINING in request.scope["state"]:
            raise Unavailable("This process is about to end.", retry_after=1)
        async with database.autocommit() as connection:
            revision = await current_revision(connection)
        if is_behind(revision):
            raise Unavailable("The database's schema is behind; run `twokeys migrate`.", retry_after=5)
        return Healthy()

    return router
