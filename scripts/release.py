"""What the release workflow asks first: `python -m scripts.release v1.0.0` prints the notes of that release.

It exits 1 where the tag is not the version of the code, or the changelog has nothing under that version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from app import __version__

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(tag: str, changelog: str) -> str:
    """The section of the changelog. Raises ValueError."""
    if tag != f"v{__version__}":
        raise ValueError(f"The tag {tag} is not v{__version__}, the version in app/__init__.py.")
    found = re.search(rf"^## \[{re.escape(__version__)}\][^\n]*\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    if not found or not found[1].strip():
        raise ValueError(f"CHANGELOG.md says nothing about {__version__}.")
    return found[1].strip()


def main() -> int | str:
    try:
        print(notes(sys.argv[1], CHANGELOG.read_text(encoding="utf-8")))
    except ValueError as refusal:
        return str(refusal)
    return 0


if __name__ == "__main__":
    sys.exit(main())
