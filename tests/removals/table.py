"""The defences and how to take each away, read from the `.toml` files beside this one."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Edit:
    """`text` stands exactly once in `file`, a path from the root, and gives way to `instead`."""

    file: str
    text: str
    instead: str


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


def _defence_of(entry: Mapping[str, Any], chapter: str) -> Defence:
    edits = tuple(Edit(each["file"], each["text"], each["instead"]) for each in (entry, *entry.get("also", ())))
    return Defence(entry["name"], chapter, edits, tuple(entry["tests"]), tuple(entry.get("backed_by", ())))


def all_defences() -> Sequence[Defence]:
    """In the order of the files' names, and of each file."""
    found = []
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        content = tomllib.loads(file.read_text())
        found += [_defence_of(entry, content["chapter"]) for entry in content["defence"]]
    return found


def without(edit: Edit, source: str) -> str:
    """`source` without the defence. Raises LookupError where its text does not stand there exactly once."""
    count = source.count(edit.text)
    if count != 1:
        raise LookupError(f"{edit.file}: this stands there {count} times, not once:\n{edit.text}")
    return source.replace(edit.text, edit.instead)


def as_markdown() -> str:
    """The table as it stands in docs/security.md."""
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
