"""`twokeys events`: what happened, as lines of JSON."""

import asyncio
import json as json_text
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from app.admin.event_schema import event_schema
from app.admin.schemas import AnyEvent
from app.audit.domain import Event, EventFilter, Position
from app.cli.context import open_services
from app.http.ndjson import write_line
from app.kernel.clock import read_rfc3339
from app.kernel.refusal import NotFound, Unavailable
from app.services import Services

_LOOKED_FOR_EVERY_SECONDS = 0.5

events = typer.Typer(help="Write what happened, as lines of JSON.", no_args_is_help=True)


def _read_time(text: str) -> datetime:
    try:
        return read_rfc3339(text)
    except ValueError:
        raise typer.BadParameter("Must be an RFC 3339 time, such as 2026-01-31T00:00:00Z.") from None


def _write(batch: Sequence[Event]) -> None:
    try:
        sys.stdout.buffer.writelines(write_line(AnyEvent.of(event).model_dump(mode="json")) for event in batch)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough. What is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


@events.command()
def export(
    *,
    since: Annotated[
        datetime | None,
        typer.Option("--from", parser=_read_time, metavar="TIME", help="Only from this time on.", show_default=False),
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option("--to", parser=_read_time, metavar="TIME", help="Only before this time.", show_default=False),
    ] = None,
) -> None:
    """Write the events to standard output, oldest first."""
    asyncio.run(_export(EventFilter(since=since, before=before)))


async def _export(wanted: EventFilter) -> None:
    async with open_services(seals=False) as services:
        async for batch in services.admin.stream_events(wanted):
            _write(batch)


@events.command()
def follow(
    *,
    after: Annotated[
        UUID | None,
        typer.Option(metavar="ID", help="Begin behind this event, where the command left off.", show_default=False),
    ] = None,
) -> None:
    """Write what happens from now on, until told to stop. Nothing that is committed is left out."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_follow(after))


async def _follow(after: UUID | None) -> None:
    stopping = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stopping.set)
    async with open_services(seals=False) as services:
        position = await _begin(services, after)
        while not stopping.is_set():
            # A database that is away is asked again.
            with suppress(Unavailable):
                position = await _catch_up(services, position)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOKED_FOR_EVERY_SECONDS)


async def _begin(services: Services, after: UUID | None) -> Position:
    async with services.database.autocommit() as connection:
        if after is None:
            return await services.audit_log.end(connection)
        try:
            return await services.audit_log.position_of(connection, after)
        except NotFound:
            raise NotFound("There is no event with this id.") from None


async def _catch_up(services: Services, position: Position) -> Position:
    while True:
        async with services.database.autocommit() as connection:
            batch, reached = await services.audit_log.tail(connection, position)
        if reached == position:
            return position
        _write(batch)
        position = reached


@events.command()
def schema(
    *,
    output: Annotated[Path | None, typer.Option(help="The file to write; standard output without it.")] = None,
) -> None:
    """Write the JSON Schema of all events."""
    document = json_text.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(document, nl=False)
    else:
        output.write_text(document, encoding="utf-8")
