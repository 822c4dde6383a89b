"""`twokeys dev`: the whole service on this machine, with a Postgres of its own, and nothing left behind by Ctrl-C."""

import asyncio
import base64
import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr
from rich.console import Console

from app.console import DevelopmentNotice
from app.database.migrations import migrate
from app.development.embedded_postgres import EmbeddedPostgres, PostgresUnavailable
from app.development.hosts import OnlyThisMachine
from app.development.mailbox import mount_mailbox
from app.kernel.clock import SystemClock
from app.kernel.randomness import new_id, random_bytes
from app.kernel.request_context import RequestContext
from app.main import create_app
from app.observability.logs import configure_logs
from app.server.server import CannotServe, cancel_forced_exit, listen, run
from app.server.start import check
from app.services import build_services
from app.settings import Settings, load_settings, new_key, unknown_names

HOST = "127.0.0.1"
# Browsers use passkeys under a name alone, never under an IP address.
NAME = "localhost"
DEMO_ADDRESS = "demo@example.com"
_MAILBOX = "/mailbox/"
_PORT_OPTION = "--port (make run PORT=8001)"
_log = structlog.get_logger(__name__)
_KEPT = "kept.json"
_DEMO_PASSWORD_BYTES = 10
# As root, Postgres runs as somebody else, who must be able to pass through; each thing inside is closed for itself.
_FOLDER_MODE = 0o700 if os.geteuid() else 0o711


@dataclass(frozen=True)
class Kept:
    """What must be the same at the next start. `postgres` names the folder of the database that goes with the key."""

    secret_key: str = field(repr=False)
    demo_password: str = field(repr=False)
    postgres: str

    @classmethod
    def new(cls) -> Self:
        letters = base64.b32encode(random_bytes(_DEMO_PASSWORD_BYTES)).decode().lower()
        return cls(
            secret_key=new_key(),
            demo_password="-".join(letters[at : at + 4] for at in range(0, len(letters), 4)),
            postgres=f"postgres-{new_id().hex}",
        )

    @classmethod
    def of(cls, folder: Path) -> Self:
        """What the folder keeps, made now where it is new. Raises CannotServe for a file that is damaged."""
        file = folder / _KEPT
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            kept = cls.new()
        except (ValueError, TypeError):
            raise CannotServe(f"{file} is damaged. Remove {folder} to begin anew.") from None
        draft = file.with_suffix(".part")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(kept)))
        draft.replace(file)
        return kept


def develop(port: int, data: Path, *, uses_database_url: bool) -> int:
    """Serves until Ctrl-C; returns the exit code. Raises CannotServe and SettingsRefused."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # Until the server takes over, these end us as Ctrl-C does, so that everything is put away.
        signal.signal(ending, signal.default_int_handler)
    try:
        # The port first: it costs nothing, and is what most often is in the way.
        with listen(HOST, port, option=_PORT_OPTION) as listening, _held(data) as folder, ExitStack() as running:
            return _develop(listening, folder, running, load_settings(), uses_database_url=uses_database_url)
    except KeyboardInterrupt:
        return 0
    except PostgresUnavailable as error:
        raise CannotServe(str(error)) from None
    except OSError as error:
        raise CannotServe(
            f"{error.filename or data} can't be used: {(error.strerror or str(error)).lower()}."
        ) from None


def _develop(
    listening: socket.socket, folder: Path, running: ExitStack, configured: Settings, *, uses_database_url: bool
) -> int:
    kept = Kept.of(folder)
    configure_logs(configured.log_level, as_json=not sys.stderr.isatty())
    if unknown := unknown_names():
        _log.warning("unknown_settings", names=unknown)
    # It may be that of a real service, where a migration and a demo account with a known password have no business.
    url = configured.database_url if uses_database_url else None
    embedded = url is None
    if url is None:
        postgres = running.enter_context(EmbeddedPostgres(folder / kept.postgres))
        url = SecretStr(postgres.url)
    port = listening.getsockname()[1]
    address = f"http://{NAME}:{port}"
    settings = configured.model_copy(
        update={
            "database_url": url,
            "secret_keys": (*configured.secret_keys, SecretStr(kept.secret_key)),
            **_own_place(configured, address, f"http://{HOST}:{port}"),
            "console": True,
            "docs": True,
            "metrics": True,
            "run_worker": True,
            # Receivers under development are on this machine too.
            "webhook_insecure": True,
            "webhook_private_networks": True,
        }
    )
    password = asyncio.run(_prepare(settings, kept))
    mailbox = folder / "mailbox" if settings.smtp_url is None else None
    notice = DevelopmentNotice(DEMO_ADDRESS, password, _MAILBOX) if mailbox else None
    app = create_app(settings, mail_folder=mailbox, notice=notice)
    if mailbox is not None:
        mount_mailbox(app, mailbox)
    # A database of somebody else's may have a password in its address.
    own = url.get_secret_value() if embedded else None
    local = OnlyThisMachine(app, public_host=urlsplit(settings.public_url).netloc)
    code = run(
        local,
        listening,
        keep_alive_seconds=settings.keep_alive_seconds,
        on_started=lambda: _announce(address, folder, password, own, has_mailbox=mailbox is not None),
    )
    # Postgres has its own time to stop.
    cancel_forced_exit()
    return code


def _own_place(configured: Settings, *addresses: str) -> dict[str, object]:
    """What mails link to, and which pages may use security keys, unless the settings say."""
    if "public_url" in configured.model_fields_set:
        return {}
    return {"public_url": addresses[0], "webauthn_origins": configured.webauthn_origins or addresses}


async def _prepare(settings: Settings, kept: Kept) -> str | None:
    """Schema and demo account; the account's password, or None where somebody has changed it since."""
    await migrate(settings.database_dsn())
    await check(settings, sends_mail=False)
    services = build_services(settings, SystemClock())
    password = SecretStr(kept.demo_password)
    try:
        async with services.database.autocommit() as connection:
            account = await services.accounts.with_address(connection, DEMO_ADDRESS)
        if account is None:
            await services.admin.create(
                DEMO_ADDRESS, password, RequestContext(services.clock.now(), operator="twokeys dev")
            )
        elif not await services.hasher.verify(password, account.password_hash):
            return None
    finally:
        await services.close()
    return kept.demo_password


@contextmanager
def _held(data: Path) -> Iterator[Path]:
    """The data folder, ours alone until the end. Raises CannotServe where another `twokeys dev` has it."""
    folder = data.absolute()
    if not folder.exists():
        folder.mkdir(mode=_FOLDER_MODE, parents=True)
        (folder / ".gitignore").write_text("*\n")
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(
                f"Another `twokeys dev` uses {folder}; stop it, or give this one a folder of its own with --data."
            ) from None
        yield folder


def _announce(address: str, folder: Path, password: str | None, database: str | None, *, has_mailbox: bool) -> None:
    out = Console(highlight=False, soft_wrap=True)
    out.print("\n[bold]Twokeys runs.[/bold] Ctrl-C ends it.\n")
    places = [("Console", f"{address}/console/"), ("API docs", f"{address}/docs"), ("Metrics", f"{address}/metrics")]
    if has_mailbox:
        places.insert(1, ("Mailbox", f"{address}{_MAILBOX}"))
    places += [("Demo account", DEMO_ADDRESS), ("Its password", password or "the one that you gave it")]
    places.append(("Data", str(folder)))
    if database:
        # What the other commands need to work on it.
        places.append(("Database", database))
    for name, value in places:
        out.print(f"  [cyan]{name:14}[/cyan]", end="")
        out.print(value, markup=False)
    out.print()
    sys.stdout.flush()
