"""What is checked before the service answers anybody, and the start itself."""

import asyncio
import signal
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

import structlog

from app.database.engine import Database
from app.database.migrations import check_encoding, current_revision, is_behind
from app.key_rotation.service import count_unknown_seals
from app.main import create_app
from app.security.secret_box import SecretBox
from app.server.server import CannotServe, listen, run
from app.server.workers import supervise
from app.services import open_hasher, open_traces
from app.settings import Mail, Settings, SettingsRefused
from app.two_factor.credentials import count_foreign_credentials

_log = structlog.get_logger(__name__)


async def check(settings: Settings, *, sends_mail: bool = True) -> None:
    """Raises SettingsRefused, UnsuitableDatabase and CannotServe; Unavailable where the database does not answer."""
    dsn, secret_box = settings.database_dsn(), SecretBox(settings.keys())
    if traces := open_traces(settings):
        # That it can be had is all that is asked here.
        await traces.close()
    if sends_mail and settings.mail is Mail.ON and settings.smtp_url is None:
        raise SettingsRefused("TWOKEYS_SMTP_URL is missing; set it, or TWOKEYS_MAIL=off for a service without mail.")
    settings.require_mail_settings()
    database = Database(dsn, pool_size=1, pgbouncer=settings.pgbouncer)
    try:
        async with database.autocommit() as connection:
            await check_encoding(connection)
            revision = await current_revision(connection)
            if is_behind(revision):
                raise CannotServe("The database schema is behind; run `twokeys migrate` first.")
            unknown = await count_unknown_seals(connection, secret_box)
            foreign = await count_foreign_credentials(connection, settings.relying_party_id)
    finally:
        await database.close()
    if unknown:
        raise CannotServe(
            f"{unknown} stored secret(s) can't be opened, since the key is not in TWOKEYS_SECRET_KEYS; add that key"
            " behind the first one."
        )
    if foreign:
        raise CannotServe(
            f"{foreign} security key(s) and passkey(s) were registered for another RP id and can't be used; set"
            " TWOKEYS_WEBAUTHN_RP_ID to that one, or TWOKEYS_PUBLIC_URL back to its host."
        )


def _note_hashing(settings: Settings) -> None:
    """Which Argon2 runs and what a hash costs here, so that slow log-ins can be told from a slow build.

    A hasher makes one hash to begin with. Another in a thread of its own would leave its memory behind for good.
    """
    began = time.perf_counter()
    open_hasher(settings).close()
    took = time.perf_counter() - began
    build = f"argon2-cffi-bindings {version('argon2-cffi-bindings')}"
    # One for newer CPUs stands in a folder with their name; see scripts/build_argon2.sh.
    found = find_spec("_argon2_cffi_bindings")
    folder = Path(found.origin).parents[1].name if found and found.origin else ""
    cpu = folder if folder.startswith("x86-64-") else "any"
    _log.info("password_hashing", build=build, cpu=cpu, memory_kib=settings.argon2_memory_kib, ms=round(took * 1000, 1))


def end_quietly_when_told() -> None:
    """Until there is something to finish, SIGTERM and SIGINT simply end us, and that is no failure either."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, end)


def serve(settings: Settings, host: str, port: int, workers: int) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises what `check` raises, before anybody is answered."""
    end_quietly_when_told()
    asyncio.run(check(settings))
    with listen(host, port) as listening:
        _note_hashing(settings)
        _log.info("serving", host=host, port=port, workers=workers)
        if workers > 1:
            return supervise(settings, listening, workers)
        return run(
            create_app(settings),
            listening,
            drain_seconds=settings.drain_seconds,
            keep_alive_seconds=settings.keep_alive_seconds,
        )
