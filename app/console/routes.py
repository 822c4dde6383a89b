"""`/console/`: the files of `static/`, and `/` that leads there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from app.console.bundle import BUNDLE, bundle
from app.console.pages import Page, content_security_policy, page_headers, pages_under
from app.console.shells import INDEX, NOT_FOUND, Shells

_STATIC = Path(__file__).parent / "static"
_CHANGE_PASSWORD = "/console/#/authentication-methods/password"
_AUTHENTICATORS = "/console/#/authentication-methods"
_VERSIONED = re.compile(r"v-(?P<version>[0-9a-f]{16})/(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class DevelopmentNotice:
    """What somebody who just typed `make run` has to know; shown on the log-in page, in development alone."""

    email: str
    password: str | None
    """None where somebody has changed it since."""
    mailbox: str
    """Where the mailbox page is, as a path on this host."""

    def as_html(self) -> str:
        password = (
            f"the password <code>{escape(self.password)}</code>" if self.password else "the password that you gave it"
        )
        return (
            '<aside class="development" aria-label="Development">'
            "<p><strong>This is a development server.</strong> Log in with the demo account "
            f"<code>{escape(self.email)}</code> and {password}. "
            f'Mails arrive in the <a href="{escape(self.mailbox)}" target="_blank" rel="noopener">Mailbox</a>.</p>'
            "</aside>"
        )


def files_of_console() -> Mapping[str, Page]:
    """All of them as they stand, for whoever reads them, and the modules in one, for the browser."""
    files = pages_under(_STATIC)
    return {**files, BUNDLE: bundle(files)}


def mount_console(app: FastAPI, public_url: str, notice: DevelopmentNotice | None = None) -> None:
    files = files_of_console()
    headers = page_headers(content_security_policy())
    shells = Shells(_STATIC, files, headers, notice.as_html() if notice else "")

    async def root() -> Response:
        return RedirectResponse("/console/")

    async def console(request: Request, path: str) -> Response:
        if path in {"", INDEX}:
            return shells.response(request, INDEX)
        name, immutable = path, False
        # While releases change, a page of the other one asks here for its modules: it gets ours, and keeps none.
        if versioned := _VERSIONED.fullmatch(path):
            name, immutable = versioned["name"], versioned["version"] == shells.version
        if name in files and name not in shells:
            return files[name].response(request, headers, immutable=immutable)
        if "text/html" in request.headers.get("accept", ""):
            return shells.response(request, NOT_FOUND, status=404)
        raise HTTPException(404)

    async def change_password() -> Response:
        """W3C: A Well-Known URL for Changing Passwords."""
        return RedirectResponse(f"{public_url}{_CHANGE_PASSWORD}", status_code=302)

    async def passkey_endpoints() -> Response:
        """W3C: A Well-Known URL for Relying Party Passkey Endpoints."""
        page = f"{public_url}{_AUTHENTICATORS}"
        return JSONResponse({"enroll": page, "manage": page})

    for address, endpoint in (
        ("/", root),
        ("/console", root),
        ("/console/{path:path}", console),
        ("/.well-known/change-password", change_password),
        ("/.well-known/passkey-endpoints", passkey_endpoints),
    ):
        app.add_api_route(address, endpoint, methods=["GET", "HEAD"], include_in_schema=False)
