"""What every command needs: the settings, the services for a moment, and who runs it."""

import getpass
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from pydantic import SecretStr

from app.kernel.clock import SystemClock
from app.kernel.request_context import RequestContext
from app.observability.logs import configure_logs
from app.services import Services, build_services
from app.settings import Settings, load_settings, new_key, unknown_names

_log = structlog.get_logger(__name__)


def read_settings() -> Settings:
    """Raises SettingsRefused."""
    settings = load_settings()
    configure_logs(settings.log_level, as_json=not sys.stderr.isatty())
    if unknown := unknown_names():
        _log.warning("unknown_settings", names=unknown)
    return settings


@asynccontextmanager
async def open_services(*, seals: bool) -> AsyncIterator[Services]:
    """The services over the database of the settings. A command that seals nothing does not need the keys."""
    settings = read_settings().model_copy(update={"log_level": "warning"})
    if not seals and not settings.secret_keys:
        settings = settings.model_copy(update={"secret_keys": (SecretStr(new_key()),)})
    services = build_services(settings, SystemClock())
    try:
        yield services
    finally:
        await services.close()


def operator() -> RequestContext:
    """Whoever the operating system says we are."""
    return RequestContext(SystemClock().now(), operator=_name())


def _name() -> str:
    try:
        return _name_of(os.getuid())
    except AttributeError:  # Windows has no numbers for its users.
        return getpass.getuser()


def _name_of(uid: int) -> str:
    import pwd  # noqa: PLC0415 - not on Windows

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
