"""The table of defences (`python -m tests.removals`) still fits the code, the tests and the page."""

import re

import pytest

from tests.removals.table import ROOT, Defence, all_defences, as_markdown, without

TABLE = all_defences()
each_defence = pytest.mark.parametrize("defence", TABLE, ids=lambda defence: defence.name)


def test_each_name_stands_once_and_each_second_defence_is_in_the_table() -> None:
    names = [defence.name for defence in TABLE]
    assert len(names) == len(set(names))
    assert {name for defence in TABLE for name in defence.backed_by} <= set(names)


@each_defence
def test_a_defence_stands_in_the_code_once_and_can_be_taken_away(defence: Defence) -> None:
    changed = {edit.file: (ROOT / edit.file).read_text() for edit in defence.edits}
    for edit in defence.edits:
        changed[edit.file] = without(edit, changed[edit.file])
    for file, source in changed.items():
        compile(source, file, "exec")


@each_defence
def test_the_tests_of_a_defence_are_there(defence: Defence) -> None:
    assert defence.tests
    for test in defence.tests:
        file, _, name = test.partition("::")
        assert re.search(rf"^(async )?def {name}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE), test


def test_the_page_shows_the_table() -> None:
    assert as_markdown() in (ROOT / "docs" / "security.md").read_text(), "print it with python -m tests.removals --list"
