"""`/console/`: the files of `static/`, and `/` that leads there."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from app.console.pages import Page, content_security_policy, page_headers, pages_under

_STATIC = Path(__file__).parent / "static"
_INDEX = "index.html"
_NOT_FOUND = "not-found.html"
_CHANGE_PASSWORD = "/console/#/authentication-methods/password"
_AUTHENTICATORS = "/console/#/authentication-methods"
_NOTICE_MARK = b"<!-- development notice -->"
_PRELOADS_MARK = "<!-- module preloads -->"
_OWN_FILE = re.compile(r'="/console/(?=[a-z])')
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


def mount_console(app: FastAPI, public_url: str, notice: DevelopmentNotice | None = None) -> None:
    files = pages_under(_STATIC)
    version = _version_of(files)
    shells = {name: _with_version(files[name], files, version) for name in (_INDEX, _NOT_FOUND)}
    index = Page(
        shells[_INDEX].content.replace(_NOTICE_MARK, notice.as_html().encode() if notice else b""),
        shells[_INDEX].media_type,
    )
    headers = page_headers(content_security_policy())

    async def root() -> Response:
        return RedirectResponse("/console/")

    async def console(request: Request, path: str) -> Response:
        if path in {"", _INDEX}:
            return index.response(request, headers)
        name, immutable = path, False
        # While releases change, a page of the other one asks here for its modules: it gets ours, and keeps none.
        if versioned := _VERSIONED.fullmatch(path):
            name, immutable = versioned["name"], versioned["version"] == version
        if name in files and name not in shells:
            return files[name].response(request, headers, immutable=immutable)
        if "text/html" in request.headers.get("accept", ""):
            return shells[_NOT_FOUND].response(request, headers, status=404)
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


def _version_of(files: Mapping[str, Page]) -> str:
    """Changes whenever any file does, so that modules of two releases never meet in one page."""
    digest = hashlib.sha256()
    for name, page in files.items():
        digest.update(f"{name}\0{page.etag}\0".encode())
    return digest.hexdigest()[:16]


def _with_version(page: Page, files: Mapping[str, Page], version: str) -> Page:
    """The page with versioned addresses, and with every module named: a browser fetches them all at once."""
    modules = sorted(name for name in files if name.endswith(".js"))
    preloads = "\n    ".join(f'<link rel="modulepreload" href="/console/{name}">' for name in modules)
    text = page.content.decode().replace(_PRELOADS_MARK, preloads)
    return Page(_OWN_FILE.sub(f'="/console/v-{version}/', text).encode(), page.media_type)
