"""Several processes on one socket: a worker that dies is replaced, and none outlives its supervisor."""

import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType

import structlog
from prometheus_client import multiprocess

from app.main import create_app
from app.observability.logs import configure_logs
from app.observability.metrics import SHARED_FOLDER, release_unused
from app.server.server import run
from app.settings import Settings

# A little more than a worker takes at most.
_STOPPED_WITHIN_SECONDS = 9.6
_LOOK_SECONDS = 0.2
# A worker that dies at once is not replaced more often than this.
_BREATH_SECONDS = 0.5
_log = structlog.get_logger(__name__)
_spawn = multiprocessing.get_context("spawn")


def _work(settings: Settings, listening: socket.socket, lifeline: Connection) -> None:
    configure_logs(settings.log_level, as_json=not sys.stderr.isatty())
    code = run(
        create_app(settings),
        listening,
        lifeline=lifeline,
        drain_seconds=settings.drain_seconds,
        keep_alive_seconds=settings.keep_alive_seconds,
    )
    sys.exit(code)


@contextmanager
def shared_metrics() -> Iterator[Path | None]:
    """Where the workers' counters meet; prometheus_client looks for it in the environment, when it is imported."""
    configured = os.environ.get(SHARED_FOLDER)  # noqa: TID251 - a setting of prometheus_client's
    if configured:
        yield Path(configured)
        return
    try:
        made = tempfile.TemporaryDirectory(prefix="twokeys-metrics-")
    except OSError as error:
        _log.warning("metrics_not_shared", why=str(error))
        yield None
        return
    with made as folder:
        os.environ[SHARED_FOLDER] = folder  # noqa: TID251 - read in the workers
        yield Path(folder)


@dataclass
class _Crew:
    """The only thing here that changes: who works, and whether we are to stop."""

    settings: Settings
    listening: socket.socket
    lifeline: Connection
    metrics: Path | None
    workers: list[SpawnProcess] = field(default_factory=list)
    stopping: bool = False

    def start(self, count: int) -> None:
        # Inherited: Ctrl-C reaches every process of a terminal, and the workers wait for our word.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        for _ in range(count):
            worker = _spawn.Process(target=_work, args=(self.settings, self.listening, self.lifeline))
            worker.start()
            self.workers.append(worker)
        signal.signal(signal.SIGINT, before)

    def note_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def replace_the_dead(self) -> None:
        dead = [worker for worker in self.workers if not worker.is_alive()]
        for worker in dead:
            self._forget(worker)
            _log.warning("worker_died", pid=worker.pid, exit_code=worker.exitcode)
        if dead and not self.stopping:
            time.sleep(_BREATH_SECONDS)
            self.start(len(dead))

    def stop(self) -> int:
        # While anybody holds the port, the kernel lets callers in, and nobody would answer them.
        self.listening.close()
        for worker in self.workers:
            worker.terminate()
        deadline = time.monotonic() + _STOPPED_WITHIN_SECONDS
        for worker in self.workers:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()
        # One that was told to stop before it had begun had nothing to finish.
        return int(any(worker.exitcode not in {0, -signal.SIGTERM} for worker in self.workers))

    def _forget(self, worker: SpawnProcess) -> None:
        self.workers.remove(worker)
        if worker.pid is not None and self.metrics is not None:
            multiprocess.mark_process_dead(worker.pid, str(self.metrics))  # type: ignore[no-untyped-call]
            release_unused(self.metrics, worker.pid)


def supervise(settings: Settings, listening: socket.socket, count: int) -> int:
    """Serves with `count` processes until SIGTERM or SIGINT; returns the exit code."""
    with shared_metrics() if settings.metrics else nullcontext() as metrics:
        # Never written to: it closes when we end, however we end, and the workers see that.
        lifeline, held = _spawn.Pipe(duplex=False)
        crew = _Crew(settings, listening, lifeline, metrics)
        signal.signal(signal.SIGTERM, crew.note_stop)
        signal.signal(signal.SIGINT, crew.note_stop)
        crew.start(count)
        while not crew.stopping:
            wait([worker.sentinel for worker in crew.workers], _LOOK_SECONDS)
            crew.replace_the_dead()
        code = crew.stop()
        held.close()
    _log.info("stopped", workers=count)
    return code
