"""Takes what the pages link to outside of docs/ into the site, so that every link is one that mkdocs can check.

A page of the repository (README.md, SECURITY.md) becomes a page, anything else a file to look at.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "repository"
_LINK = re.compile(r"(\]\()([^)#\s:]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    taken = {"openapi/openapi.json"}
    pages = [file.src_uri for file in files if file.is_documentation_page()]
    while pages:
        page = pages.pop()
        for outside in _outside(page):
            if outside not in taken and (ROOT / outside).is_file():
                taken.add(outside)
                if outside.endswith(".md"):
                    pages.append(f"{FOLDER}/{outside}")
    for path in sorted(taken):
        text = (ROOT / path).read_bytes()
        file = File.generated(config, f"{FOLDER}/{path}", content=text, inclusion=InclusionLevel.NOT_IN_NAV)
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Leads links out of docs/ to the copies."""
    here = page.file.src_uri

    def moved(link: re.Match[str]) -> str:
        aim = _of_site(_aim(here, link[2]))
        return link[1] + posixpath.relpath(aim, posixpath.dirname(here) or ".")

    return _LINK.sub(moved, markdown)


def _outside(page: str) -> set[str]:
    """What this page links to that is in the repository and not in docs/."""
    text = _source(page).read_text(encoding="utf-8")
    aims = {_aim(page, link) for _, link in _LINK.findall(text)}
    return {aim for aim in aims if not aim.startswith("docs/")}


def _source(page: str) -> Path:
    return ROOT / _of_repository(page)


def _of_repository(page: str) -> str:
    return page.removeprefix(f"{FOLDER}/") if page.startswith(f"{FOLDER}/") else f"docs/{page}"


def _of_site(path: str) -> str:
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{FOLDER}/{path}"


def _aim(page: str, link: str) -> str:
    """Where a link leads, as a path in the repository."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(_of_repository(page)), link))
