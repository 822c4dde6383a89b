"""`/docs`: the OpenAPI document to read and to try out, in Swagger UI. Nothing on the page comes from elsewhere."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from app.console.pages import Page, content_security_policy, page_headers, pages_under

_STATIC = Path(__file__).parent / "docs_static"
_CONSOLE = Path(__file__).parent / "static"
_SWAGGER_UI = ("swagger-ui.css", "swagger-ui-bundle.js")


def mount_docs(app: FastAPI) -> None:
    bundled = pages_under(Path(str(files("fastapi_offline"))) / "static")
    own = pages_under(_STATIC)
    pages: dict[str, Page] = {name: bundled[name] for name in _SWAGGER_UI}
    pages |= {"start.js": own["start.js"], "key.svg": pages_under(_CONSOLE)["key.svg"]}
    # Swagger UI writes styles and builds HTML as it goes; scripts are still our files alone.
    policy = content_security_policy(style_src="'self' 'unsafe-inline'", require_trusted_types_for="", trusted_types="")
    headers = page_headers(policy)

    async def docs(request: Request) -> Response:
        return own["docs.html"].response(request, headers)

    async def part(request: Request, name: str) -> Response:
        page = pages.get(name)
        if page is None:
            raise HTTPException(404)
        return page.response(request, headers)

    app.add_api_route("/docs", docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/docs/{name}", part, methods=["GET", "HEAD"], include_in_schema=False)
