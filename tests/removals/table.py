"""The defences and how to take each away, read from the `.toml` files beside this one.

`at` is where a defence stands: "app.login:Login.by_code", a module or a package of modules in which the name is defined
once; a defence of a whole module has no name. One of these takes it away there (see `syntax.py` for patterns):

- `drop = "pattern"`: a condition, an argument, an operand, a statement, a decorator, a link of a chain of calls
- `replace = "pattern"` and `instead = "expression"`
- `set = "expression"`: the value of the constant that `at` names
- `text = "words"` and `instead = "words"`: within the one literal that holds them, such as a statement of SQL

`at` may also be the path of a file that is no Python, such as one of the console's: `text` is looked for in all of it.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.removals.syntax import Unfit, drop, replace, rewrite_text, rewritten, scope_of, set_value

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Edit:
    at: str
    how: str
    what: str
    instead: str

    def file(self, root: Path) -> Path:
        """The one file of the module or package that defines the name. Raises Unfit."""
        if "/" in self.at:
            return root / self.at
        module, _, name = self.at.partition(":")
        place = root.joinpath(*module.split("."))
        files = [place.with_suffix(".py")] if place.with_suffix(".py").exists() else sorted(place.rglob("*.py"))
        found = [file for file in files if _defines(file, name)]
        if len(found) != 1:
            raise Unfit(f"{self.at} is defined in {len(found)} files")
        return found[0]

    def apply(self, tree: ast.Module) -> None:
        """Raises Unfit."""
        scope = scope_of(tree, self.at.partition(":")[2])
        if self.how == "drop":
            drop(scope, self.what)
        elif self.how == "replace":
            replace(scope, self.what, self.instead)
        elif self.how == "set":
            set_value(scope, self.what)
        else:
            rewrite_text(scope, self.what, self.instead)


@cache
def _tree(file: Path, _changed: int) -> ast.Module:
    """To look at, not to change."""
    return ast.parse(file.read_text())


@cache
def _unchanged(file: Path, changed: int) -> str:
    """As `without` would write it."""
    return ast.unparse(_tree(file, changed)) if file.suffix == ".py" else file.read_text()


def _defines(file: Path, name: str) -> bool:
    try:
        scope_of(_tree(file, file.stat().st_mtime_ns), name)
    except Unfit:
        return False
    return True


@dataclass(frozen=True)
class Defence:
    """`tests` are paths below tests/ with a test's name, of which at least one fails without the defence.

    `backed_by` names others of the table that hold without it: then only taking all of them away is noticed by `tests`.
    """

    name: str
    chapter: str
    edits: Sequence[Edit]
    tests: Sequence[str]
    backed_by: Sequence[str]

    def is_about(self, word: str) -> bool:
        return word in self.name or word in self.chapter


def _edit_of(entry: Mapping[str, Any]) -> Edit:
    [how] = {"drop", "replace", "set", "text"} & entry.keys()
    return Edit(entry["at"], how, entry[how], entry.get("instead", ""))


def _defence_of(entry: Mapping[str, Any], chapter: str) -> Defence:
    edits = tuple(_edit_of(each) for each in (entry, *entry.get("also", ())))
    return Defence(entry["name"], chapter, edits, tuple(entry["tests"]), tuple(entry.get("backed_by", ())))


def all_defences() -> Sequence[Defence]:
    """In the order of the files' names, and of each file."""
    found = []
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        content = tomllib.loads(file.read_text())
        found += [_defence_of(entry, content["chapter"]) for entry in content["defence"]]
    return found


def without(edits: Iterable[Edit], root: Path = ROOT) -> Mapping[Path, str]:
    """The files that change, as Python would run them without the defence. Raises Unfit."""
    trees: dict[Path, ast.Module] = {}
    changed: dict[Path, str] = {}
    for edit in edits:
        file = edit.file(root)
        if file.suffix != ".py":
            changed[file] = rewritten(changed.get(file) or file.read_text(), edit.what, edit.instead)
            continue
        if file not in trees:
            trees[file] = ast.parse(file.read_text())
        edit.apply(trees[file])
    return changed | {file: ast.unparse(ast.fix_missing_locations(tree)) for file, tree in trees.items()}


def misfits() -> Sequence[str]:
    """What of the table fits neither the code nor the tests any more; none where all is well."""
    found = []
    for defence in all_defences():
        try:
            for file, source in without(defence.edits).items():
                if file.suffix == ".py":
                    compile(source, file, "exec")
                if source == _unchanged(file, file.stat().st_mtime_ns):
                    found.append(f"{defence.name}: changes nothing")
        except (Unfit, SyntaxError) as error:
            found.append(f"{defence.name}: {error}")
        found += [f"{defence.name}: there is no {test}" for test in defence.tests if not _exists(test)]
    return found


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    source = ROOT / "tests" / file
    return source.exists() and f"def {name}(" in source.read_text()


def as_markdown() -> str:
    """The table as it stands in docs/evidence/defences.md."""
    lines: list[str] = []
    chapter = ""
    for defence in all_defences():
        if defence.chapter != chapter:
            chapter = defence.chapter
            lines += ["", f"**{chapter}**", "", "| taken away | caught by |", "|---|---|"]
        named = ", ".join(f"`{test.partition('::')[2]}`" for test in defence.tests)
        others = ", ".join(f"“{name}”" for name in defence.backed_by)
        backed = f"only together with {others}: " if others else ""
        lines.append(f"| {defence.name} | {backed}{named} |")
    return "\n".join(lines).strip()


if __name__ == "__main__":
    unfit = misfits()
    print("\n".join(unfit))
    sys.exit(bool(unfit))
