"""The reference pages that are made from the code: settings, metrics, events, command line, the table of defences,
and the code that is shown on the anatomy of a module.

`make reference` writes them, `make check` compares (`--check`).
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import cast

import annotated_types
from prometheus_client import REGISTRY
from pydantic.fields import FieldInfo
from typer.cli import get_docs_for_click
from typer.main import get_command
from typer.models import Context

# Importing the command imports the service, and importing that makes its metrics.
from app.cli.main import commands
from app.observability.metrics import Counter, Gauge, Histogram
from app.settings import Settings
from tests.removals.table import as_markdown

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MADE = "<!-- Made by `make reference`. -->"
_WORDS = {"bool": "true or false", "int": "a whole number", "Path": "a file"}


def settings() -> str:
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        "From the environment or a `.env` file; [operate.md](../how-to/operate.md#settings) says how they are read.",
    ]
    for name, field, meaning, group in _documented_settings():
        if group:
            lines += ["", f"## {group}", "", "| setting | default | range | meaning |", "|---|---|---|---|"]
        variable = f"TWOKEYS_{name.upper()}"
        file = f" `{variable}_FILE` names a file that holds it instead." if "SecretStr" in str(field.annotation) else ""
        lines.append(f"| `{variable}` | {_default(field)} | {_range(field)} | {meaning}{file} |")
    return "\n".join(lines)


def _documented_settings() -> Iterator[tuple[str, FieldInfo, str, str]]:
    """Each with its meaning and the group that it begins. Raises ValueError where one says nothing."""
    text = (ROOT / "app" / "settings.py").read_text(encoding="utf-8")
    above = [line.strip() for line in text.splitlines()]
    body = next(
        node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == Settings.__name__
    ).body
    for node, after in itertools.pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            match after:
                case ast.Expr(value=ast.Constant(value=str(meaning))):
                    comment = above[node.lineno - 2]
                    group = comment.removeprefix("# ") if comment.startswith("# ") else ""
                    yield node.target.id, Settings.model_fields[node.target.id], " ".join(meaning.split()), group
                case _:
                    raise ValueError(f"app/settings.py: {node.target.id} lacks the line below it that says what it is")


def _default(field: FieldInfo) -> str:
    """Empty where the machine decides, or where there is none."""
    if field.default_factory is not None or field.default is None or field.default == ():
        return "-"
    text = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{text}`"


def _range(field: FieldInfo) -> str:
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{value}`" for value in kind)
    bounds = {type(each): each for each in field.metadata}
    low, high = bounds.get(annotated_types.Ge), bounds.get(annotated_types.Le)
    if low and high:
        return f"{low.ge} to {high.le}"
    return "`true`, `false`" if kind is bool else ""


def metrics() -> str:
    lines = [
        "# Metrics",
        "",
        MADE,
        "",
        "`/metrics` in Prometheus' text format, with `TWOKEYS_METRICS=true`, over all workers of one `serve`.",
        "[operate.md](../how-to/operate.md#signals) says what to watch.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    rows = []
    for collector in vars(REGISTRY)["_collector_to_names"]:
        if isinstance(collector, Counter | Gauge | Histogram):
            (about,) = collector.describe()
            name = f"{about.name}_total" if about.type == "counter" else about.name
            labels = ", ".join(f"`{label}`" for label in vars(collector)["_labelnames"])
            rows.append(f"| `{name}` | {about.type} | {labels} | {about.documentation} |")
    return "\n".join([*lines, *sorted(rows)])


def events() -> str:
    kinds = json.loads((ROOT / "openapi" / "events.schema.json").read_text(encoding="utf-8"))["$defs"]
    details = {name: kind["properties"]["details"].get("properties", {}) for name, kind in kinds.items()}
    meanings = {
        member: about.get("description", "") for members in details.values() for member, about in members.items()
    }
    return "\n".join([
        "# Events",
        "",
        MADE,
        "",
        "`GET /v1/me/events` shows people their own, `GET /v1/admin/events` and `twokeys events` all of them. Each has",
        "`id`, `type`, `occurred_at`, `ip`, `user_agent` and `details`; operators also see `account_id` and",
        "`client_id`. There are more types and members to come: ignore what you don't know.",
        "[events.schema.json](../../openapi/events.schema.json) has the types of everything.",
        "",
        "| type | `details` |",
        "|---|---|",
        *(f"| `{name}` | {', '.join(f'`{member}`' for member in members)} |" for name, members in details.items()),
        "",
        "| member of `details` | meaning |",
        "|---|---|",
        *(f"| `{member}` | {meaning} |" for member, meaning in sorted(meanings.items())),
    ])  # fmt: skip


def command_line() -> str:
    click = get_command(commands)
    with click.make_context("twokeys", [], resilient_parsing=True) as context:
        text = get_docs_for_click(obj=click, ctx=cast("Context", context), name="twokeys", title="Command line")
    first, _, rest = text.partition("\n")
    return f"{first}\n\n{MADE}\n{rest}"


def defences() -> str:
    return f"# Each defence taken away\n\n{MADE}\n\n{_ABOUT_DEFENCES}\n\n{as_markdown()}"


_ABOUT_DEFENCES = """\
`make removals` takes every defence of this table away in a copy of the tree, one at a time, and runs the tests that are
named beside it ([testing](../explanation/testing.md)). [attacks.md](attacks.md#the-last-run-of-the-removals) has the
last result. `make check` holds that each entry still fits the code."""


def anatomy() -> str:
    """The page as it stands, with the code of today. Raises ValueError where that is too long to be read in passing."""
    return _EXCERPT.sub(_quoted, ANATOMY.read_text(encoding="utf-8"))


def _quoted(excerpt: re.Match[str]) -> str:
    path, *names = excerpt[1].split()
    source = (ROOT / path).read_text(encoding="utf-8")
    code = "\n\n\n".join(_definition(source, name) for name in names)
    if len(code.splitlines()) > _READ_IN_PASSING:
        raise ValueError(f"{ANATOMY.name}: {excerpt[1]} has over {_READ_IN_PASSING} lines; choose another excerpt")
    return f"<!-- code: {excerpt[1]} -->\n```python\n{code}\n```"


def _definition(source: str, name: str) -> str:
    """The lines of what has this name, dots leading into classes and functions. Raises ValueError."""
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        found = [each for each in getattr(node, "body", ()) if part in _names(each)]
        if not found:
            raise ValueError(f"{ANATOMY.name}: there is no {name}")
        node = found[0]
    assert isinstance(node, ast.stmt)  # noqa: S101 - for the type checker
    decorators = getattr(node, "decorator_list", [])
    first = decorators[0].lineno if decorators else node.lineno
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {getattr(node, "name", "")}


ANATOMY = DOCS / "anatomy-of-a-module.md"
_EXCERPT = re.compile(r"<!-- code: (.*?) -->\n```python\n.*?```", re.DOTALL)
_READ_IN_PASSING = 18

PAGES = {
    DOCS / "reference" / "settings.md": settings,
    DOCS / "reference" / "metrics.md": metrics,
    DOCS / "reference" / "events.md": events,
    DOCS / "reference" / "cli.md": command_line,
    DOCS / "evidence" / "defences.md": defences,
    ANATOMY: anatomy,
}


def main() -> int:
    fresh = {path: f"{page().strip()}\n" for path, page in PAGES.items()}
    if "--check" not in sys.argv:
        for path, text in fresh.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in fresh.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale; `make reference` writes it.")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
