"""Calls a route by its path, past the router.

FastAPI asks router by router and route by route whether a request is theirs, and wraps each answer in exit stacks of
its own. Most calls are checks of a token, for which that costs as much as all that they do
(docs/evidence/performance.md).
"""

from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import REFUSALS, answer_refusal
from app.http.strict_json import StrictRoute


def direct_routes(routers: Iterable[APIRouter]) -> list[StrictRoute]:
    """Those that answer by themselves and have nothing but letters in their path."""
    routes = [route for router in routers for route in router.routes if isinstance(route, StrictRoute)]
    return [route for route in routes if route.is_direct and not route.param_convertors]


class Shortcut:
    """Stands innermost. What it does not know, the router answers, a wrong method included."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[StrictRoute]) -> None:
        self._app = app
        self._routes = {
            (method, route.path): (route, route.get_route_handler())
            for route in routes
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"], handle = found
        request = Request(scope, receive)
        try:
            response = await handle(request)
        except REFUSALS as refusal:
            response = await answer_refusal(request, refusal)
            # One that several askers are told would keep the frames of all of them.
            refusal.__traceback__ = None
        await response(scope, receive, send)
