"""How a route learns who asks: `Authorization: Bearer <token>`, and nothing else."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.http.middleware import origin_of
from app.kernel.refusal import InvalidToken
from app.tokens.domain import Caller
from app.tokens.service import Tokens, require_session

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="A session token (`tks_`) or a personal one (`tkp_`)."
)
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


class Guard:
    """Dependencies: `any_token` lets personal tokens in, `session` does not."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def any_token(self, request: Request, credentials: _Credentials) -> Caller:
        if credentials is None:
            raise InvalidToken
        return await self._tokens.check(credentials.credentials, origin_of(request.scope))

    async def session(self, request: Request, credentials: _Credentials) -> Caller:
        caller = await self.any_token(request, credentials)
        require_session(caller)
        return caller
