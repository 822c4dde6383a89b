"""`/v1/config`."""

from fastapi import APIRouter, Response

from app.frontend_config.schemas import LOGO_PATH, FrontendConfig
from app.http.strict_json import StrictRoute
from app.kernel.refusal import NotFound
from app.logo import Logo, read_logo
from app.settings import Settings

_CACHING = "public, max-age=60"
# An SVG that is opened by itself is a document: it may run nothing and load nothing.
_LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def frontend_config_routes(settings: Settings) -> APIRouter:
    router = APIRouter(tags=["For frontends"], route_class=StrictRoute)
    config = FrontendConfig.of(settings)
    logo: Logo | None = read_logo(settings.logo) if settings.logo else None

    @router.get("/v1/config", summary="See the settings that a frontend must know")
    async def get_config(response: Response) -> FrontendConfig:
        """Needs no proof. May be cached for a minute."""
        response.headers["Cache-Control"] = _CACHING
        return config

    @router.get(LOGO_PATH, include_in_schema=False)
    async def get_logo() -> Response:
        """404 where the operator has set none."""
        if logo is None:
            raise NotFound
        headers = {"Cache-Control": _CACHING, "Content-Security-Policy": _LOGO_POLICY}
        return Response(logo.content, media_type=logo.media_type, headers=headers)

    return router
