"""A statement writes only the tables of its own module, and lives in that module's repository."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from app.tables import metadata

APP = Path(__file__).resolve().parents[2] / "app"
_WRITES = {"insert", "update", "delete", "upsert"}
_IN_WORDS = re.compile(r"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE)\s+([a-z_]+)")


def _module(path: Path) -> str:
    return path.relative_to(APP).parts[0]


@cache
def _sources() -> Sequence[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(APP.rglob("*.py"))]


def _names_of_tables(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each variable that holds a table, and the name of the table."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
            call = node.value
            if isinstance(call.func, ast.Name) and call.func.id == "Table" and isinstance(call.args[0], ast.Constant):
                yield node.targets[0].id, str(call.args[0].value)


def owners() -> Mapping[str, str]:
    """Of each table, by its name in the database, the module that defines it."""
    return {table: _module(path) for path, tree in _sources() for _, table in _names_of_tables(tree)}


def _variables() -> Mapping[str, str]:
    """No variable means two tables, so that one that is imported means the same."""
    found: dict[str, str] = {}
    for _, tree in _sources():
        for variable, table in _names_of_tables(tree):
            assert found.setdefault(variable, table) == table, variable
    return found


def written(tree: ast.Module, variables: Mapping[str, str]) -> Iterator[str]:
    """The tables that the statements of a file write, whether they are built by Core or written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _WRITES and node.args:
            target = node.args[0]
            assert isinstance(target, ast.Name), ast.unparse(node)
            yield variables[target.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (table for table in _IN_WORDS.findall(node.value) if table in metadata.tables)


def test_every_table_has_one_module() -> None:
    assert set(owners()) == set(metadata.tables)


def test_a_module_writes_its_own_tables_alone() -> None:
    owned, variables = owners(), _variables()
    foreign = {
        (str(path.relative_to(APP)), table)
        for path, tree in _sources()
        if path.parent != APP
        for table in written(tree, variables)
        if owned[table] != _module(path)
    }
    assert foreign == set()


def test_writes_stand_in_repositories() -> None:
    variables = _variables()
    elsewhere = {
        path.name for path, tree in _sources() if any(written(tree, variables)) and "repository" not in str(path)
    }
    assert elsewhere == set()


def test_what_is_written_is_found() -> None:
    """Else the tests above would hold for nothing."""
    variables = _variables()
    found = {table for _, tree in _sources() for table in written(tree, variables)}
    assert {"accounts", "tokens", "events", "outbox", "login_challenges", "password_attempts", "code_attempts"} <= found


def test_a_repository_is_private_to_its_module() -> None:
    """What modules above may join for reading stands in `tables.py`."""
    foreign = set()
    for path, tree in _sources():
        for node in ast.walk(tree):
            module = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
            if "repository" in module and module[1] != _module(path):
                foreign.add((str(path.relative_to(APP)), ".".join(module)))
    assert foreign == set()
