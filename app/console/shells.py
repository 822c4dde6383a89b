"""The pages that scripts fill: what they say before, in each language, and the versioned names of the files."""

import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from fastapi import Request, Response

from app.console.pages import Page
from app.kernel.locale import accepted_locales, prefixes

INDEX = "index.html"
NOT_FOUND = "not-found.html"
_SHELLS = (INDEX, NOT_FOUND)
_FALLBACK = "en"
_WORDS = "words/"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NOTICE_MARK = "<!-- development notice -->"
_OWN_FILE = re.compile(r'="/console/(?=[a-z])')


class Shells:
    """`notice` is HTML that stands above the console, in development alone."""

    def __init__(self, folder: Path, files: Mapping[str, Page], headers: Mapping[str, str], notice: str) -> None:
        self.version = _version_of(files)
        self._headers = headers
        words = {file.stem: json.loads(file.read_bytes()) for file in (folder / _WORDS).glob("*.json")}
        self._pages = {
            (name, language): self._page(files, name, {**texts, "language": language}, notice)
            for name in _SHELLS
            for language, texts in words.items()
        }

    def __contains__(self, name: str) -> bool:
        return name in _SHELLS

    def response(self, request: Request, name: str, *, status: int = 200) -> Response:
        """In the first of the browser's languages that there is a translation for, as words.js chooses."""
        accepted = accepted_locales(request.headers.get("accept-language"))
        wanted = (tag for locale in accepted for tag in prefixes(locale))
        found = (self._pages.get((name, tag)) for tag in wanted)
        page = next((page for page in found if page), self._pages[name, _FALLBACK])
        response = page.response(request, self._headers, status=status)
        response.headers.add_vary_header("Accept-Language")
        return response

    def _page(self, files: Mapping[str, Page], name: str, texts: Mapping[str, str], notice: str) -> Page:
        text = _PLACEHOLDER.sub(lambda found: escape(texts[found[1]]), files[name].content.decode())
        text = _OWN_FILE.sub(f'="/console/v-{self.version}/', text)
        return Page(text.replace(_NOTICE_MARK, notice).encode(), files[name].media_type)


def _version_of(files: Mapping[str, Page]) -> str:
    """Changes whenever any file does, so that modules of two releases never meet in one page."""
    digest = hashlib.sha256()
    for name, page in files.items():
        digest.update(f"{name}\0{page.etag}\0".encode())
    return digest.hexdigest()[:16]
