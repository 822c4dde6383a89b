"""How a route learns who asks: `Authorization: Bearer <token>`, and nothing else."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from app.http.authorization import authorization
from app.http.schemas import context_of
from app.kernel.refusal import InvalidToken
from app.tokens.domain import Caller, require_session
from app.tokens.service import Tokens


class _Bearer(HTTPBearer):
    """Documents the scheme; we read the header ourselves, since FastAPI takes the first of two."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override] # noqa: ARG002
        return None


_bearer = _Bearer(scheme_name="token", description="A session token (`tks_`) or a personal one (`tkp_`).")
_Documented = Annotated[None, Security(_bearer)]


class Guard:
    """Dependencies: `any_token` lets personal tokens in, `session` does not."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def any_token(self, request: Request, _: _Documented) -> Caller:
        secret = authorization(request, "bearer")
        if secret is None:
            raise InvalidToken
        return await self._tokens.check(secret, await context_of(request))

    async def session(self, request: Request, _: _Documented) -> Caller:
        caller = await self.any_token(request, None)
        require_session(caller)
        return caller
