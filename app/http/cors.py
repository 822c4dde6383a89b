"""Frontends on other origins: exactly those that are configured may call, and read what they are told."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from app.http.middleware import common_headers
from app.http.problems import problem
from app.http.refusals import MalformedRequest
from app.kernel.randomness import new_id


class PreflightRefused(MalformedRequest):
    code = "preflight_refused"
    title = "This origin may not call this service in this way."


class Cors(CORSMiddleware):
    """Outside `RequestMiddleware`, so that a page can read every refusal; adds the common headers to preflights."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After", "WWW-Authenticate", "X-Request-Id"],
            max_age=600,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        answer, request_id = super().preflight_response(request_headers), new_id().hex
        if answer.status_code >= 400:  # noqa: PLR2004 - what Starlette says in plain text
            refused = problem(request_id, PreflightRefused.status, PreflightRefused())
            refused.headers["Vary"] = answer.headers["Vary"]
            answer = refused
        answer.headers.update(common_headers(request_id))
        return answer
