"""Postgres servers that a test may kill: each with a TCP port and a folder that outlive a restart."""

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from app.database.migrations import migrate
from app.development.postgres_programs import RunAs, usable_programs
from tests.support.marks import PATIENCE
from tests.support.postgres import chosen_programs
from tests.support.service import free_port

SUPERUSER = "twokeys"
_READY_WITHIN = PATIENCE
# What a crash must not lose is really written here, unlike in the other tests.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "wal_level": "replica",
    "hot_standby": "on",
    "wal_keep_size": "64MB",
    "log_error_verbosity": "terse",
}


@dataclass
class Node:
    """One server. `start` and `stop` may take turns."""

    folder: Path
    programs: Path
    user: RunAs
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    child: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}@{self.host}/postgres"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def initialise(self) -> None:
        fixed = ("--locale=C", "--encoding=UTF8", "--auth=trust", "--no-sync", "--no-instructions")
        self._run("initdb", f"--pgdata={self.data}", f"--username={SUPERUSER}", *fixed)

    def follow(self, primary: "Node", name: str) -> None:
        """Becomes a copy of a running server, and its standby from the next start on."""
        self._run("pg_basebackup", "-D", str(self.data), "-R", "-c", "fast", "-d", self._conninfo(primary, name))

    @staticmethod
    def _conninfo(primary: "Node", name: str) -> str:
        return f"host=127.0.0.1 port={primary.port} user={SUPERUSER} application_name={name}"

    def start(self) -> None:
        settings = {**_SETTINGS, "port": str(self.port), **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.child = self.user.spawn(
                [self.programs / "postgres", "-D", self.data, *options], log.fileno(), log.fileno()
            )
        deadline = time.monotonic() + _READY_WITHIN
        while self.user.run(self.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)).returncode:
            assert self.child.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is `pg_ctl -m immediate`, SIGINT is `-m fast`."""
        child, self.child = self.child, None
        if child is not None:
            child.send_signal(how)
            child.wait(PATIENCE)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of its processes stand still meanwhile, as on a machine or a disk that does."""
        assert self.child is not None
        postmaster = psutil.Process(self.child.pid)
        # The postmaster first, so that it starts no other.
        postmaster.suspend()
        backends = postmaster.children(recursive=True)
        try:
            for backend in backends:
                with suppress(psutil.NoSuchProcess):
                    backend.suspend()
            yield
        finally:
            for process in [*backends, postmaster]:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-D", str(self.data), "-w")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _run(self, program: str, *arguments: str) -> None:
        done = self.user.run(self.programs / program, *arguments)
        assert done.returncode == 0, done.stdout


@contextmanager
def nodes(count: int) -> Iterator[list[Node]]:
    """Servers not yet initialised; stopped and removed at the end."""
    user = RunAs.for_data(None)
    programs = usable_programs(user, chosen_programs())
    made: list[Node] = []
    try:
        for _ in range(count):
            folder = Path(tempfile.mkdtemp(prefix="twokeys-node-", dir="/tmp"))
            folder.chmod(0o711)
            user.take(folder)
            made.append(Node(folder, programs, user))
        yield made
    finally:
        for node in made:
            node.stop()
            shutil.rmtree(node.folder, ignore_errors=True)


@contextmanager
def migrated_node() -> Iterator[Node]:
    """One server that runs, with the schema in its own database."""
    with nodes(1) as [made]:
        made.initialise()
        made.start()
        asyncio.run(migrate(made.url))
        yield made
