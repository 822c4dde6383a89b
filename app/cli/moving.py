"""`twokeys accounts import` and `export`: people who move in, and out."""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from app.cli.context import open_services, operator
from app.cli.line_file import batches, count_hashes, is_complete, opened
from app.cli.output import AsJson, print_one
from app.cli.patient_import import Patience, PatientImport
from app.http.ndjson import write_line
from app.imports.domain import LineRefused, Outcome, Totals
from app.imports.lines import read_object
from app.kernel.refusal import FieldError
from app.services import Services

_WORTH_SAYING_SECONDS = 10

moving = typer.Typer()


@moving.command("import")
def import_accounts(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Lines of JSON (docs/tutorials/move-in.md); - is standard input."),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what each line would do, and do nothing.")] = False,
    json: AsJson = False,
    firebase_config: Annotated[
        Path | None, typer.Option(help="The hash parameters of a Firebase project, as its console shows them.")
    ] = None,
    wait: Annotated[
        int, typer.Option(min=0, help="How many seconds to wait for a database that is away, or that has no space.")
    ] = 30,
    status: Annotated[bool, typer.Option("--status", help="Say how far the old password hashes have gone.")] = False,
) -> None:
    """Take over accounts of another system. May be stopped and repeated: what is done already is left as it is."""
    if status is (file is not None):
        raise typer.BadParameter("Give a FILE, or --status.", param_hint="FILE")
    if file is None:
        print_one(asyncio.run(_status()), as_json=json)
        return
    parameters = _read_parameters(firebase_config) if firebase_config else None
    totals = asyncio.run(_import(file, parameters, Patience(wait), dry_run=dry_run, as_json=json))
    if json:
        sys.stdout.buffer.write(write_line(totals.as_json()))
        sys.stdout.flush()
    else:
        print_one(
            {result.value: count for result, count in sorted(totals.counts.items())} or {"lines": 0}, as_json=False
        )
    if totals.refused:
        typer.echo(f"twokeys: {totals.refused} lines were refused.", err=True)
        raise typer.Exit(1)


@moving.command("export")
def export_accounts(
    *,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="With password hashes, and the secrets of authenticator apps.")
    ] = False,
) -> None:
    """Write every account to standard output, as the lines that an import takes."""
    asyncio.run(_export(with_secrets=with_secrets))


async def _export(*, with_secrets: bool) -> None:
    async with open_services(seals=with_secrets) as services:
        export = services.export
        async for line in export.accounts_with_secrets() if with_secrets else export.accounts():
            sys.stdout.buffer.write(write_line(line))
    sys.stdout.flush()


async def _status() -> dict[str, Any]:
    async with open_services(seals=False) as services:
        found = await services.imports.status()
    return {"accounts": found.accounts, "never_logged_in": found.never_logged_in, "by_scheme": found.by_scheme}


async def _import(
    file: Path, parameters: Mapping[str, Any] | None, patience: Patience, *, dry_run: bool, as_json: bool
) -> Totals:
    totals = Totals()
    async with open_services(seals=True) as services:
        imports = services.imports.hashing_at_once(services.settings.hash_threads)
        running = imports.begin(operator(), dry_run=dry_run)
        with _parameters_refused():
            if parameters is not None:
                await running.set_firebase_parameters(parameters)
        if hashes := count_hashes(file):
            await _say_how_long_hashing_takes(services, hashes)
        # What is loaded by now stays; looking for garbage among it took a tenth of an import.
        gc.freeze()
        with opened(file) as stream, _Bar(file) as bar:
            taken = PatientImport(running, patience).take_all(batches(stream), ahead=is_complete(file))
            async for outcomes, read in taken:
                totals.add(outcomes)
                bar.show(totals, read)
                _print(outcomes, as_json=as_json)
    return totals


@contextmanager
def _parameters_refused() -> Iterator[None]:
    """Raises FieldError for a LineRefused."""
    try:
        yield
    except LineRefused as refused:
        problem = refused.problems[0]
        raise FieldError(f"/firebase-config{problem.pointer.removeprefix('/firebase')}", problem.message) from None


def _read_parameters(path: Path) -> Mapping[str, Any]:
    """Raises FieldError."""
    with _parameters_refused():
        return read_object(path.read_bytes())


def _print(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(b"".join(write_line(outcome.as_json()) for outcome in outcomes))
        sys.stdout.flush()
        return
    for outcome in outcomes:
        for problem in outcome.problems:
            where = f"line {outcome.line}" + (f" ({outcome.external_id})" if outcome.external_id else "")
            typer.echo(f"{where}: {problem.pointer} {problem.message} [{problem.code}]")


async def _say_how_long_hashing_takes(services: Services, hashes: int) -> None:
    """Argon2id takes its time, and an import that has to make many hashes takes that of all of them."""
    began = time.perf_counter()
    await services.hasher.hash(SecretStr("how long does one take"))
    seconds = hashes * (time.perf_counter() - began) / services.settings.hash_threads
    if seconds >= _WORTH_SAYING_SECONDS:
        typer.echo(f"Some {hashes:,} hashes are to be made, which takes about {_duration(seconds)}.", err=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"  # noqa: PLR2004


class _Bar:
    """Lines, their rate, and the time left by the bytes of the file; shown from the first batch on."""

    def __init__(self, file: Path) -> None:
        columns = (
            TextColumn("{task.fields[lines]:,} lines, {task.fields[rate]:,.0f}/s, {task.fields[refused]:,} refused"),
            BarColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._total = file.stat().st_size if is_complete(file) else None
        self._task: TaskID | None = None
        self._began = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._progress.stop()

    def show(self, totals: Totals, read: int) -> None:
        lines = totals.counts.total()
        rate = lines / max(0.001, time.perf_counter() - self._began)
        fields: dict[str, Any] = {"lines": lines, "rate": rate, "refused": totals.refused}
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=self._total, **fields)
        self._progress.update(self._task, completed=read, **fields)
