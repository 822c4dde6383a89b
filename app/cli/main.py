"""The `twokeys` command: 0 for done, 1 for a refusal with one line on standard error, 2 for wrong usage."""

import errno
import sys
from io import TextIOWrapper
from typing import Annotated

import asyncpg
import structlog
import typer
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app import __version__
from app.cli.accounts import accounts
from app.cli.clients import clients
from app.cli.events import events
from app.cli.keys import keys
from app.cli.mail import mail
from app.cli.service import dev, migrate, openapi, serve, worker
from app.cli.settings import settings
from app.cli.webhooks import webhooks
from app.database.migrations import UnsuitableDatabase
from app.environment import leave_unreadable_home
from app.kernel.refusal import FieldError, Refusal, Unavailable
from app.server.server import CannotServe
from app.settings import SettingsRefused

_UNDEFINED_TABLE = "42P01"
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_log = structlog.get_logger(__name__)

commands = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 120},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer hands it over in this way
    if wanted:
        typer.echo(f"twokeys {__version__}")
        raise typer.Exit


@commands.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Two-factor authentication as a service."""


for command in (dev, serve, worker, migrate, openapi):
    commands.command()(command)
commands.add_typer(accounts, name="accounts")
commands.add_typer(clients, name="clients")
commands.add_typer(events, name="events")
commands.add_typer(keys, name="keys")
commands.add_typer(mail, name="mail")
commands.add_typer(settings, name="settings")
commands.add_typer(webhooks, name="webhooks")


def main() -> None:
    leave_unreadable_home()
    if sys.stdout is None:
        # Descriptor 1 is closed, and Python would drop what is printed: a secret that is shown once, for example.
        sys.exit(_refused("Standard output is closed. Open it, or lead it to a file."))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the terminal can't show is shown escaped.
            stream.reconfigure(errors="backslashreplace")
    try:
        commands(prog_name="twokeys")
    except (Refusal, FieldError, SettingsRefused, UnsuitableDatabase, CannotServe) as refusal:
        sys.exit(_refused(_reason(refusal)))
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, CommandError, OSError) as trouble:
        sys.exit(_refused(_trouble(trouble)))
    except Exception as fault:  # noqa: BLE001 - whatever it is, it ends in one line
        if structlog.is_configured():
            _log.debug("unforeseen", exc_info=fault)
        sys.exit(_refused(f"Something went wrong ({type(fault).__name__}). TWOKEYS_LOG_LEVEL=debug shows where."))


def _refused(why: str) -> int:
    typer.echo(f"twokeys: {' '.join(why.split())}", err=True)
    return 1


def _reason(refusal: Exception) -> str:
    if isinstance(refusal, Unavailable) and refusal.__cause__ is not None:
        return _unreachable(refusal.__cause__)
    if isinstance(refusal, FieldError):
        return f"{refusal.pointer.strip('/') or 'input'}: {refusal.message}"
    return str(refusal)


def _trouble(error: Exception) -> str:
    original = error.orig if isinstance(error, DBAPIError) else error
    if getattr(original, "sqlstate", None) == _UNDEFINED_TABLE:
        return "The database has no schema yet; run `twokeys migrate` first."
    if isinstance(error, CommandError):
        return "The database schema is a newer release's; use that release."
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return f"The output can't be written. {error.strerror}."
    if isinstance(error, OSError):
        file = error.filename
        return f"{file} can't be opened ({error.strerror}). Check its path." if file else _unreachable(error)
    return _first_line(error)


def _unreachable(error: BaseException) -> str:
    text = _first_line(error)
    hint = " Is this pgbouncer? Then set TWOKEYS_PGBOUNCER=true." if "startup parameter" in text else ""
    return f"The database can't be reached. {text.rstrip('.')}.{hint}"


def _first_line(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    # SQLAlchemy's adapter puts its class in front: "<class 'asyncpg.exceptions.X'>: text".
    text = str(original).rpartition("'>: ")[2].strip()
    return text.splitlines()[0] if text else type(original).__name__
