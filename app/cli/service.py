"""The commands that run something: `serve`, `worker`, `migrate`, `dev`, and the OpenAPI document."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import structlog
import typer
from pydantic import SecretStr

from app.cli.context import read_settings
from app.cli.output import AsJson, print_one
from app.database.migrations import migrate as bring_up_to_date
from app.database.migrations import newest_revision
from app.kernel.clock import SystemClock
from app.main import create_app
from app.server.server import CannotServe
from app.server.start import check, end_quietly_when_told
from app.server.start import serve as run_service
from app.services import build_services
from app.settings import Settings, new_key

_log = structlog.get_logger(__name__)
Port = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]


def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="How many processes.")] = 1,
) -> None:
    """Run the service over TWOKEYS_DATABASE_URL."""
    raise typer.Exit(run_service(read_settings(), host, port, workers))


def worker() -> None:
    """Run mail delivery and clean-up alone."""
    end_quietly_when_told()
    asyncio.run(_work(read_settings()))


async def _work(settings: Settings) -> None:
    await check(settings)
    services = build_services(settings, SystemClock())
    stopping = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(ending, stopping.set)
    _log.info("working")
    await services.worker.work(stopping)
    await services.worker.stop_sending()
    await services.close()


def migrate(*, json: AsJson = False) -> None:
    """Bring the schema up to date. Safe to start twice at once."""
    asyncio.run(bring_up_to_date(read_settings().database_dsn()))
    print_one({"revision": newest_revision()}, as_json=json)


def dev(
    *,
    port: Port = 8000,
    data: Annotated[Path, typer.Option(help="The folder that keeps the database and the demo keys.")] = Path(
        ".twokeys"
    ),
    use_database_url: Annotated[
        bool,
        typer.Option(
            "--use-database-url",
            help="Use the database of TWOKEYS_DATABASE_URL: migrate it and make the demo account in it.",
        ),
    ] = False,
) -> None:
    """Run everything on this machine: Postgres, a demo account, the console, a mailbox to read the mails in."""
    try:
        # Only here: the image leaves app/development out.
        from app.development.start import develop  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if not str(missing.name).startswith("app.development"):
            raise
        raise CannotServe("`twokeys dev` is for a checkout of the source; this image has `serve` only.") from None

    raise typer.Exit(develop(port, data, uses_database_url=use_database_url))


def openapi(
    *,
    output: Annotated[Path | None, typer.Option(help="The file to write; standard output without it.")] = None,
) -> None:
    """Write the OpenAPI document."""
    # The document is the same whatever the settings are, and nothing is opened to write it.
    settings = Settings(database_url=SecretStr("postgresql://nowhere/"), secret_keys=(SecretStr(new_key()),))
    document = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(document, nl=False)
    else:
        output.write_text(document, encoding="utf-8")
