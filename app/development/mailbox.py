"""`/mailbox/`: the mails that `twokeys dev` dropped into a folder, as a person would see them. Development alone.

A mail is a stranger's text even here. It is shown in a frame that may run nothing, from an answer whose own policy
says the same, and is found by looking its name up in the folder's listing, so no name from a request becomes a path.
"""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import lru_cache
from html import escape
from pathlib import Path

from fastapi import FastAPI, Response
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from app.console.pages import content_security_policy, page_headers, pages_under

_STATIC = Path(__file__).parent / "mailbox_static"
# Links open in a tab of their own: a page that forbids framing, as the console does, would not open in the frame.
_OPENS_OUTSIDE = '<!doctype html><base target="_blank">'
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True, slots=True)
class Mail:
    name: str
    sender: str
    recipient: str
    subject: str
    date: str
    text: str
    html: str

    def summary(self) -> dict[str, str]:
        return {
            "id": self.name,
            "from": self.sender,
            "to": self.recipient,
            "subject": self.subject,
            "date": self.date,
            "text": self.text,
        }


def mount_mailbox(app: FastAPI, folder: Path) -> None:
    pages = pages_under(_STATIC)
    headers = page_headers(content_security_policy(frame_src="'self'"))
    frame_headers = page_headers(_FRAME_POLICY) | {"X-Frame-Options": "SAMEORIGIN"}

    async def page(path: str) -> Response:
        found = pages.get(path or "mailbox.html")
        if found is None:
            raise HTTPException(404)
        return Response(found.content, media_type=found.media_type, headers=headers)

    async def slash() -> Response:
        return RedirectResponse("/mailbox/")

    def mails() -> list[dict[str, str]]:
        return [_read(file).summary() for file in reversed(_files(folder))]

    def html(name: str) -> Response:
        file = next((file for file in _files(folder) if file.name == name), None)
        if file is None:
            raise HTTPException(404)
        return Response(_OPENS_OUTSIDE + _read(file).html, media_type="text/html", headers=frame_headers)

    for address, endpoint in (
        ("/mailbox", slash),
        ("/mailbox/mails", mails),
        ("/mailbox/mails/{name}", html),
        ("/mailbox/{path:path}", page),
    ):
        app.add_api_route(address, endpoint, methods=["GET", "HEAD"], include_in_schema=False, response_model=None)


def _files(folder: Path) -> list[Path]:
    """The mails, oldest first; one that arrived in the same instant as another goes by name."""
    files = [file for file in folder.glob("*.eml") if file.is_file() and not file.is_symlink()]
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))


def _read(file: Path) -> Mail:
    return _parsed(file, file.stat().st_mtime_ns)


# The page asks again and again for all of them.
@lru_cache(maxsize=1000)
def _parsed(file: Path, _changed: int) -> Mail:
    message = message_from_bytes(file.read_bytes(), policy=default)
    text = _part(message, "plain")
    return Mail(
        name=file.name,
        sender=str(message["From"] or ""),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or "(no subject)"),
        date=_date(message),
        text=text,
        html=_part(message, "html") or f"<pre>{escape(text)}</pre>",
    )


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    content = part.get_content() if part else ""
    return content if isinstance(content, str) else ""


def _date(message: EmailMessage) -> str:
    moment = getattr(message["Date"], "datetime", None)
    return moment.isoformat() if moment else ""
