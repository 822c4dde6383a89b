"""Guards for FastAPI."""

import time
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import HTTPException, Request

from twokeys_client.introspection import Introspector
from twokeys_client.problems import Unanswered
from twokeys_client.wire.models import ActiveToken


def guard(
    introspector: Introspector,
    *,
    acr: Literal["aal2"] | None = None,
    phishing_resistant: bool = False,
    max_age: int | None = None,
    client_ip: Callable[[Request], str | None] = lambda _: None,
) -> Callable[[Request], Awaitable[ActiveToken]]:
    """A dependency that gives the token's holder: 401, 403, or 503 where nobody knows.

    `max_age` is how many seconds ago the proof may be. `client_ip` says where a request came from, as far as you
    believe it, for tokens that are limited to addresses.
    """

    async def holder(request: Request) -> ActiveToken:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or len(request.headers.getlist("authorization")) != 1:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        try:
            found = await introspector.holder(token.strip(" "), client_ip=client_ip(request))
        except Unanswered:
            raise HTTPException(503, headers={"Retry-After": "1"}) from None
        if found is None:
            raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        if max_age is not None and time.time() - found.auth_time > max_age:
            raise HTTPException(401, headers={"WWW-Authenticate": _step_up("max_age", str(max_age))})
        if acr == "aal2" and found.acr != "aal2":
            raise HTTPException(403, headers={"WWW-Authenticate": _step_up("acr_values", "aal2")})
        if phishing_resistant and not found.phishing_resistant:
            raise HTTPException(403, headers={"WWW-Authenticate": _step_up("amr", "pop")})
        return found

    return holder


def _step_up(name: str, value: str) -> str:
    """RFC 9470 §3."""
    return f'Bearer error="insufficient_user_authentication", {name}="{value}"'
