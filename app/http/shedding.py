"""Sheds load: refuses early and cheaply, no faster than the event loop can bear beside its work."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.problems import problem_for
from app.kernel.refusal import Overloaded

# A shed request may take a tenth of a second altogether, part of which the network takes.
_APART_SECONDS = 0.001
_LONGEST_SECONDS = 0.07


class Pace:
    """How many seconds each refusal is held back: they leave `apart` from each other, and none waits for `longest`."""

    def __init__(self, *, apart: float, longest: float) -> None:
        self._apart = apart
        self._longest = longest
        self._last = -apart

    def wait(self, now: float) -> float:
        self._last = min(max(now, self._last + self._apart), now + self._longest)
        return self._last - now


@dataclass(frozen=True)
class _Route:
    """Stands in logs and metrics where the router's own would."""

    path: str


class Shedding:
    """Answers a POST to one path before the application sees it, as long as `refuse_when_full` raises Overloaded.

    Clients that send the next request at once would otherwise occupy the event loop: each of its iterations sheds one
    request of every connection, and a token check takes several iterations. So refusals are paced.
    """

    def __init__(self, app: ASGIApp, *, path: str, refuse_when_full: Callable[[], None]) -> None:
        self._app = app
        self._route = _Route(path)
        self._refuse_when_full = refuse_when_full
        self._pace = Pace(apart=_APART_SECONDS, longest=_LONGEST_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._route.path and scope["method"] == "POST":
            try:
                self._refuse_when_full()
            except Overloaded as refusal:
                scope["route"] = self._route
                await asyncio.sleep(self._pace.wait(asyncio.get_running_loop().time()))
                await problem_for(scope, refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)
