"""What the router would misread in the head of a request, or take long to read."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.authorization import has_two_authorizations
from app.http.problems import problem_for
from app.http.refusals import TargetTooLong
from app.kernel.refusal import InvalidToken, NotFound

_LONGEST_QUERY = 16 * 1024
_MOST_PARAMETERS = 100


class RequestLine:
    """Answers HEAD as GET without the body (RFC 9110 §9.3.2), a path with percent-encoding with 404, and two proofs
    where none is taken with 401.

    No path of ours needs any, and `/v1/%6cogin` would pass a proxy's rule for `/v1/login`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif b"%" in scope["raw_path"]:
            await problem_for(scope, NotFound())(scope, receive, send)
        elif _is_too_long(scope["query_string"]):
            await problem_for(scope, TargetTooLong())(scope, receive, send)
        elif not scope["path"].startswith("/v1/") and has_two_authorizations(scope):
            # Routes under /v1 refuse them with the challenge of their own scheme.
            await problem_for(scope, InvalidToken())(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._answer_head(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer_head(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_no_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        as_get = {**scope, "method": "GET"}
        try:
            await self._app(as_get, receive, send_no_body)
        finally:
            # Logs and metrics name it.
            scope["route"] = as_get.get("route")


def _is_too_long(query: bytes) -> bool:
    return len(query) > _LONGEST_QUERY or query.count(b"&") >= _MOST_PARAMETERS
