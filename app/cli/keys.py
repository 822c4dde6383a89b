"""`twokeys keys`: the keys that secrets are sealed with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.context import open_services
from app.cli.output import AsJson, print_one
from app.key_rotation.domain import Resealing
from app.key_rotation.service import Rotation
from app.settings import SettingsRefused, new_key

keys = typer.Typer(help="Make a key, and seal everything anew with it.", no_args_is_help=True)


@keys.command()
def generate() -> None:
    """Print a new key for TWOKEYS_SECRET_KEYS, alone on its line."""
    typer.echo(new_key())


@keys.command()
def rotate(*, json: AsJson = False) -> None:
    """Seal every stored secret anew with the first key of TWOKEYS_SECRET_KEYS.

    The service may run meanwhile, and the command may be stopped and started again.
    """
    done = asyncio.run(_rotate())
    print_one({"resealed": done.resealed, "unreadable": done.unreadable}, as_json=json)
    if done.unreadable:
        raise SettingsRefused(
            f"{done.unreadable} secrets are sealed with a key that is not in TWOKEYS_SECRET_KEYS; add it, start again."
        )


async def _rotate() -> Resealing:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    async with open_services(seals=True) as services:
        rotation = Rotation(services.database, services.secret_box)
        progress = Progress(*columns, console=Console(stderr=True))
        with ExitStack() as bars:
            secrets = await _follow(progress, bars, "Authenticator secrets", rotation.reseal(services.two_factor))
            mails = await _follow(progress, bars, "Mails in the outbox", rotation.reseal(services.outbox))
            projects = await _follow(progress, bars, "Firebase projects", rotation.reseal(services.passwords.foreign))
            webhooks = await _follow(progress, bars, "Webhooks", rotation.reseal(services.webhooks))
    done = (secrets, mails, projects, webhooks)
    return Resealing(
        total=sum(each.total for each in done),
        seen=sum(each.seen for each in done),
        resealed=sum(each.resealed for each in done),
        unreadable=sum(each.unreadable for each in done),
    )


async def _follow(progress: Progress, bars: ExitStack, what: str, steps: AsyncIterator[Resealing]) -> Resealing:
    """The bar is shown from the first step on: where there can be none, one line says why."""
    task = progress.add_task(what, total=None)
    last = Resealing(total=0)
    async for last in steps:
        if not progress.live.is_started:
            bars.enter_context(progress)
        progress.update(task, total=max(last.total, last.seen), completed=last.seen)
    return last
