"""Whom `twokeys dev` answers: pages that this machine's browser opened by a name of this machine, and nobody else."""

import re
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

# Browsers resolve everything below .localhost to this machine (RFC 6761 §6.3).
_OURS = re.compile(r"(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9-]+\.)*localhost)(?::[0-9]+)?", re.IGNORECASE)
_MISDIRECTED = 421


class OnlyThisMachine:
    """Refuses other names. A page elsewhere whose name leads to 127.0.0.1 could read the demo password and every mail.

    That is DNS rebinding: the browser takes our answers for those of the page's own server.
    """

    def __init__(self, app: Any, *, public_host: str) -> None:
        """`public_host` is the host of the public URL, which may be a name of the developer's own."""
        self._app = app
        self._public_host = public_host.lower()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and not self._is_ours(Headers(scope=scope).getlist("host")):
            await _refusal()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, hosts: list[str]) -> bool:
        return len(hosts) == 1 and (bool(_OURS.fullmatch(hosts[0])) or hosts[0].lower() == self._public_host)


def _refusal() -> JSONResponse:
    document = {
        "type": "about:blank",
        "title": "`twokeys dev` answers to names of this machine only, such as localhost.",
        "status": _MISDIRECTED,
        "code": "foreign_host",
    }
    return JSONResponse(document, _MISDIRECTED, {"Cache-Control": "no-store"}, media_type="application/problem+json")
