"""Structured logs: one JSON object a line, or colours on a terminal; lines of other packages look like ours."""

import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

_QUIET = ("uvicorn.access", "alembic", "asyncio", "httpx", "httpcore", "aiosmtplib")


class _Lines:
    """Where our own loggers write. Past `logging`, which takes three times as long for a line."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def write(self, line: str) -> None:
        # On a full disk, or where nobody reads any more, the line is lost and its request is not.
        with suppress(OSError, ValueError):
            # One call, so that no other thread's line falls in between.
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = write


def configure_logs(level: str, *, as_json: bool) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    # Locals of a frame may hold a password: a traceback shows lines of code only.
    tracebacks: structlog.typing.Processor = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    rendering = [tracebacks, renderer] if as_json else [renderer]
    structlog.configure(
        processors=[structlog.stdlib.add_logger_name, *shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    _configure_others(level, shared, rendering)


def _configure_others(level: str, shared: list[Any], rendering: list[Any]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
