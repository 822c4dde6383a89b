"""What every command needs: the house for a moment, who sits at the desk, and how data is printed."""

import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from app.admin.domain import Operator
from app.infrastructure.logs import configure_logs
from app.infrastructure.settings import Settings, load_settings, new_key
from app.kernel.clock import SystemClock
from app.main import House, build_house

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_settings() -> Settings:
    """Raises SettingsRefused."""
    settings = load_settings()
    configure_logs(settings.log_level, as_json=not sys.stderr.isatty())
    return settings


@asynccontextmanager
async def open_house(*, seals: bool) -> AsyncIterator[House]:
    """The rooms over the database of the settings. A command that seals nothing does not need the keys."""
    settings = read_settings().model_copy(update={"log_level": "warning"})
    if not seals and not settings.secret_keys:
        settings = settings.model_copy(update={"secret_keys": (SecretStr(new_key()),)})
    house = build_house(settings, SystemClock())
    try:
        yield house
    finally:
        await house.close()


def operator() -> Operator:
    """Whoever the operating system says we are."""
    try:
        return Operator(name=_name_of(os.getuid()))
    except AttributeError:  # Windows has no numbers for its users.
        return Operator(name=getpass.getuser())


def _name_of(uid: int) -> str:
    import pwd  # noqa: PLC0415 - not on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


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


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _out() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
