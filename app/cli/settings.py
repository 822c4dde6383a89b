"""`twokeys settings`: whether the service would start with them."""

import asyncio

import typer

from app.cli.context import read_settings
from app.kernel.clock import SystemClock
from app.server.start import check as check_start
from app.services import build_services
from app.settings import Settings

settings = typer.Typer(help="Look at the settings before the service starts with them.", no_args_is_help=True)


@settings.command()
def check() -> None:
    """Check whatever `serve` checks before it starts: each setting, the database and its schema, the keys."""
    asyncio.run(_check(read_settings()))
    typer.echo("The service would start with these settings.", err=True)


async def _check(read: Settings) -> None:
    await check_start(read)
    # Templates of mails and the logo are read where the services are made.
    await build_services(read, SystemClock()).close()
