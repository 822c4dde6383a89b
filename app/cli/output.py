"""How the commands print data: one thing, or several of a kind."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

_WIDE = 1000
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_one(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: an object, or a line for each of its facts."""
    if as_json:
        _print_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        _out().print(f"{name:{width}}  {_plain(value)}", markup=False)


def print_many(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Several of a kind: an array, or a table."""
    if as_json:
        _print_json(rows)
    elif rows:
        table = Table(box=None, pad_edge=False)
        cells = [[_plain(value) for value in row.values()] for row in rows]
        for name, column in zip(rows[0], zip(*cells, strict=True), strict=True):
            # An id is there to be copied, so nothing of it is left out.
            table.add_column(name, min_width=max(map(len, column)) if name.endswith("id") else None)
        for row in cells:
            table.add_row(*row)
        _out().print(table, markup=False)
    else:
        typer.echo("There are none.", err=True)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _out() -> Console:
    # What goes into a file or another command is cut off nowhere.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _WIDE)


def _print_json(data: Any) -> None:
    shows_all = (sys.stdout.encoding or "").lower().startswith("utf")
    typer.echo(json.dumps(data, indent=2, ensure_ascii=not shows_all))
