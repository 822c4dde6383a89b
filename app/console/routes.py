"""`/console/`: the files of `static/`, and `/` that leads there."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from fastapi import FastAPI, Response
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from app.console.pages import Page, content_security_policy, page_headers, pages_under

_STATIC = Path(__file__).parent / "static"
_INDEX = "index.html"
_NOTICE_MARK = b"<!-- development notice -->"


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


def mount_console(app: FastAPI, notice: DevelopmentNotice | None = None) -> None:
    pages = dict(pages_under(_STATIC))
    index = pages[_INDEX]
    pages[_INDEX] = Page(
        index.content.replace(_NOTICE_MARK, notice.as_html().encode() if notice else b""), index.media_type
    )
    headers = page_headers(content_security_policy())

    async def root() -> Response:
        return RedirectResponse("/console/")

    async def console(path: str) -> Response:
        page = pages.get(path or _INDEX)
        if page is None:
            raise HTTPException(404)
        return Response(page.content, media_type=page.media_type, headers=headers)

    for address, endpoint in (("/", root), ("/console", root), ("/console/{path:path}", console)):
        app.add_api_route(address, endpoint, methods=["GET", "HEAD"], include_in_schema=False)
