"""The operator's page against the code."""

import re
from pathlib import Path

from app.settings import Settings

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "operate.md"


def test_every_setting_stands_in_the_table_and_no_other() -> None:
    message = set(re.findall(r"^\| `TWOKEYS_([A-Z0-9_]+)` \|", _PAGE.read_text(), re.MULTILINE))
    assert message == {name.upper() for name in Settings.model_fields}
