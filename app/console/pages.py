"""A folder of files as it goes to a browser: read once, looked up by exact name, never by path on disk."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from fastapi import Request, Response

# The media types are named here: `mimetypes` asks the operating system, and one that calls a script `text/plain`
# would switch the whole console off under `nosniff`.
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


# A browser asks each time whether it still has the newest, and is answered in one line when it has.
_REVALIDATED = "no-cache"
_IMMUTABLE = "public, max-age=31536000, immutable"
# Compressing as much would keep the event loop for long. Only the page of the API has such files, in development.
_LARGE = 256 * 1024


@dataclass(frozen=True)
class Page:
    content: bytes
    media_type: str

    @cached_property
    def compressed(self) -> bytes:
        """The same for everybody and without a secret, so its length tells nothing."""
        return gzip.compress(self.content, mtime=0)

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    def response(
        self, request: Request, headers: Mapping[str, str], *, immutable: bool = False, status: int = 200
    ) -> Response:
        """`immutable` is for an address that changes whenever the content does."""
        # A weak tag, since the compressed bytes are others.
        caching = {
            "Cache-Control": _IMMUTABLE if immutable else _REVALIDATED,
            "ETag": f"W/{self.etag}",
            "Vary": "Accept-Encoding",
        }
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if self.etag in known:
            return Response(status_code=304, headers={**headers, **caching})
        content = self.content
        if len(content) < _LARGE and _takes_gzip(request.headers.get("accept-encoding", "")):
            content = self.compressed
            caching["Content-Encoding"] = "gzip"
        return Response(content, status, media_type=self.media_type, headers={**headers, **caching})


def _takes_gzip(accepted: str) -> bool:
    """Browsers name it plainly; whoever weighs it gets the bytes as they are."""
    return "gzip" in {coding.strip() for coding in accepted.split(",")}


def pages_under(folder: Path) -> Mapping[str, Page]:
    """Every file below `folder` by its path relative to it, with forward slashes.

    Only these names are ever served, so a request has no path to climb out of.
    """
    return MappingProxyType(
        {
            file.relative_to(folder).as_posix(): Page(file.read_bytes(), _MEDIA_TYPES[file.suffix])
            for file in sorted(folder.rglob("*"))
            if file.suffix in _MEDIA_TYPES
        }
    )


def content_security_policy(**more: str) -> str:
    """Nothing but our own files and our own API.

    `more` adds or replaces directives (`frame_src="'self'"`); an empty one is left out.
    """
    directives = {
        "default_src": "'none'",
        "script_src": "'self'",
        "style_src": "'self'",
        # The QR code arrives as a data: URI.
        "img_src": "'self' data:",
        "connect_src": "'self'",
        "form_action": "'none'",
        "base_uri": "'none'",
        "frame_ancestors": "'none'",
        # No module ever builds HTML from text; the browser holds them to it.
        "require_trusted_types_for": "'script'",
        "trusted_types": "'none'",
    } | more
    return "; ".join(f"{name.replace('_', '-')} {value}" for name, value in directives.items() if value)


def page_headers(policy: str) -> dict[str, str]:
    """What a browser is told about a page; `nosniff` is every response's and set for all of them."""
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
