"""What frontends ask: `/v1/config`, `/v1/password-strength`, and where the calls for services are."""

from fastapi import APIRouter, Response

from app.accounts.passwords import Passwords
from app.frontend_config.schemas import (
    LOGO_PATH,
    AuthorizationServer,
    FrontendConfig,
    JudgePassword,
    PasswordStrength,
)
from app.http.problems import refuses
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.refusal import NotFound, Overloaded, RateLimited
from app.logo import Logo, read_logo
from app.settings import Settings

_CACHING = "public, max-age=60"
# An SVG that is opened by itself is a document: it may run nothing and load nothing.
_LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def frontend_config_routes(settings: Settings, passwords: Passwords, locales: list[str]) -> APIRouter:
    router = APIRouter(tags=["For frontends"], route_class=StrictRoute)
    config = FrontendConfig.of(settings, locales)
    logo: Logo | None = read_logo(settings.logo) if settings.logo else None

    @router.get("/v1/config", summary="See the settings that a frontend must know")
    async def get_config(response: Response) -> FrontendConfig:
        """Needs no proof. May be cached for a minute."""
        response.headers["Cache-Control"] = _CACHING
        return config

    @router.post(
        "/v1/password-strength",
        summary="Ask how good a new password would be",
        responses=refuses(RateLimited, Overloaded),
    )
    async def judge_password(body: JudgePassword, context: FromRequest) -> PasswordStrength:
        """Needs no proof; 60 a minute. Nothing of it is stored or logged."""
        return PasswordStrength.of(await passwords.judge(body.password, body.email, context))

    @router.get(
        "/.well-known/oauth-authorization-server", summary="Where tokens are introspected and revoked (RFC 8414)"
    )
    async def get_metadata() -> AuthorizationServer:
        """There is no authorization endpoint: tokens are issued by log-in."""
        return AuthorizationServer.of(settings.public_url)

    @router.get(LOGO_PATH, include_in_schema=False)
    async def get_logo() -> Response:
        """404 where the operator has set none."""
        if logo is None:
            raise NotFound
        headers = {"Cache-Control": _CACHING, "Content-Security-Policy": _LOGO_POLICY}
        return Response(logo.content, media_type=logo.media_type, headers=headers)

    return router
