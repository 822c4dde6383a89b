"""The code that stands in `docs/`, so that a test runs what a reader copies."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def marked(page: str, mark: str) -> str:
    """The code block after `<!-- mark -->` on this page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.search(rf"<!-- {re.escape(mark)} -->\n```[a-z]+\n(.*?)```", text, re.DOTALL)
    assert found, f"{page} has no block {mark!r}"
    return found[1]
