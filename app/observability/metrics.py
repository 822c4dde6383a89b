"""What Prometheus collects from us at `/metrics`, over all processes of one `serve`."""

import os
import sys
from pathlib import Path

import structlog
from fastapi import FastAPI, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

__all__ = ["FILE_BYTES", "SHARED_FOLDER", "Counter", "Gauge", "Histogram", "mount_metrics", "release_unused"]

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# The files that a process with these kinds of metrics writes there, and what each needs at most, in bytes.
FILE_BYTES = {
    "counter": 512 * 1024,
    "histogram": 2 * 1024 * 1024,
    "gauge_livesum": 64 * 1024,
    "gauge_mostrecent": 64 * 1024,
}
_log = structlog.get_logger(__name__)


def _reserve(folder: Path) -> None:
    """Raises OSError.

    prometheus_client maps files with holes into memory: writing to a hole on a full disk would kill the process, and
    each that replaces it. A file gets its name when it is whole, since every process reads those of all others.
    """
    files = [folder / f"{kind}_{os.getpid()}.db" for kind in FILE_BYTES]
    drafts = [path.with_suffix(".part") for path in files]
    try:
        for path, draft, size in zip(files, drafts, FILE_BYTES.values(), strict=True):
            counted = path.read_bytes() if path.exists() else b""
            draft.write_bytes(counted.ljust(size, b"\0"))
            draft.replace(path)
    except OSError:
        for path in (*files, *drafts):
            path.unlink(missing_ok=True)
        raise


def _share() -> str:
    """Before the first metric is made, since each opens its file then. Says why we count for ourselves, if we do."""
    folder = os.environ.get(SHARED_FOLDER)
    if not folder:
        return ""
    try:
        _reserve(Path(folder))
    except OSError as error:
        values.ValueClass = values.MutexValue
        return str(error)
    return ""


_WHY_ALONE = _share()


def release_unused(folder: Path, pid: int) -> None:
    """Truncates the files of a dead process to what it used; what it counted stays."""
    for kind in FILE_BYTES:
        path = folder / f"{kind}_{pid}.db"
        if path.exists():
            used = int.from_bytes(path.read_bytes()[:4], sys.byteorder)
            os.truncate(path, used)


def _registry() -> CollectorRegistry:
    """This process's numbers, or those of all workers where they share a folder."""
    if values.ValueClass is values.MutexValue:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # published so
    return registry


def mount_metrics(app: FastAPI) -> None:
    if _WHY_ALONE:
        _log.warning("metrics_not_shared", why=_WHY_ALONE)

    def metrics() -> Response:
        return Response(generate_latest(_registry()), media_type=CONTENT_TYPE_LATEST)

    app.add_api_route("/metrics", metrics, methods=["GET"], include_in_schema=False)
