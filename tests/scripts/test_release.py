"""What the release workflow asks before anything is built."""

import pytest

from app import __version__
from scripts.release import CHANGELOG, notes

TOLD = f"# Changelog\n\n## [Unreleased]\n\n## [{__version__}] - 2027-01-31\n\n- News.\n\n## [0.0.1] - 2020\n"


def test_a_release_has_the_notes_of_its_version_alone() -> None:
    assert notes(f"v{__version__}", TOLD) == "- News."


@pytest.mark.parametrize("tag", [__version__, "v0.0.1", "v"])
def test_a_tag_that_is_not_the_version_of_the_code_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="is not v"):
        notes(tag, TOLD)


@pytest.mark.parametrize("changelog", ["", f"## [{__version__}]\n\n", "## [Unreleased]\n\n- News.\n"])
def test_a_version_without_news_is_refused(changelog: str) -> None:
    with pytest.raises(ValueError, match="says nothing"):
        notes(f"v{__version__}", changelog)


def test_the_changelog_has_an_open_section() -> None:
    assert "## [Unreleased]" in CHANGELOG.read_text(encoding="utf-8")
