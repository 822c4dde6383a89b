"""The table of defences (`python -m tests.removals`) still fits the code and the tests."""

import ast

import pytest

from tests.removals.syntax import Unfit, drop, replace, rewrite_text, rewritten, scope_of, set_value
from tests.removals.table import all_defences, misfits

TABLE = all_defences()


def test_each_name_stands_once_and_each_second_defence_is_in_the_table() -> None:
    names = [defence.name for defence in TABLE]
    assert len(names) == len(set(names))
    assert {name for defence in TABLE for name in defence.backed_by} <= set(names)


def test_every_defence_stands_in_the_code_once_and_its_tests_exist() -> None:
    assert TABLE
    assert all(defence.tests for defence in TABLE)
    assert not misfits(), "\n".join(misfits())


CODE = """
LIMIT = 5

class Rows:
    @only_long
    async def spend(self, id, at):
        if id is None or at > LIMIT:
            raise Refused
        query = update(rows).where(rows.c.id == id, rows.c.spent.is_(None)).returning(rows.c.id)
        await self.log.record(query, who=id, when=at)
        return [row for row in found if row.id and row.lives] and text("SELECT 1 WHERE  a = 1\\n AND b = 2")
"""


@pytest.mark.parametrize(
    ("pattern", "gone", "left"),
    [
        ("id is None", "id is None", "if at > LIMIT:"),
        ("at > LIMIT", "at > LIMIT", "if id is None:"),
        ("id is None or at > LIMIT", "LIMIT:", "if False:"),
        ("rows.c.id == ...", "rows.c.id == id", "where(rows.c.spent.is_(None))"),
        ("rows.c.spent.is_(...)", "is_(None)", "where(rows.c.id == id)"),
        ("self.log.record(...)", "record", "..."),
        ("when=at", "when=", "who=id)"),
        ("... .returning(...)", "returning", "is_(None))"),
        ("@only_long", "only_long", "async def spend"),
        ("if ...:\n    raise Refused", "Refused", "pass"),
        ("row.lives", "lives", "if row.id]"),
    ],
)
def test_a_drop_takes_one_thing_away_and_leaves_the_rest(pattern: str, gone: str, left: str) -> None:
    tree = ast.parse(CODE)
    drop(scope_of(tree, "Rows.spend"), pattern)
    changed = ast.unparse(ast.fix_missing_locations(tree))
    assert gone in ast.unparse(ast.parse(CODE))
    assert gone not in changed
    assert left in changed


def test_the_other_operations_change_what_they_name() -> None:
    tree = ast.parse(CODE)
    set_value(scope_of(tree, "LIMIT"), "6")
    replace(scope_of(tree, "Rows.spend"), "who=id", "who=None")
    rewrite_text(scope_of(tree, "Rows.spend"), "WHERE a = 1 AND b = 2", "WHERE b = 2")
    changed = ast.unparse(ast.fix_missing_locations(tree))
    assert "LIMIT = 6" in changed
    assert "who=None, when=at" in changed
    assert "SELECT 1 WHERE b = 2" in changed


@pytest.mark.parametrize("pattern", ["rows.c.missing", "id", "row"])
def test_a_pattern_that_does_not_stand_there_once_is_refused(pattern: str) -> None:
    with pytest.raises(Unfit):
        drop(scope_of(ast.parse(CODE), "Rows.spend"), pattern)


def test_words_of_another_file_stand_there_once() -> None:
    assert rewritten("if (a\n    && b) stop();", "(a && b)", "(a)") == "if (a) stop();"
    for words in ("stop(", "c"):
        with pytest.raises(Unfit):
            rewritten("stop(); stop();", words, "")
