"""A real Postgres as a child of this process, for development and tests; never in production, never in the image.

It listens on a unix socket in a folder that only its user can enter, and dies with its parent.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from app.development.postgres_programs import (
    PostgresUnavailable,
    RunAs,
    major_version,
    reachable_folder,
    usable_programs,
)

__all__ = ["DISPOSABLE", "EmbeddedPostgres", "PostgresUnavailable"]

SUPERUSER = "twokeys"
# Settings for data that nobody needs after a crash.
DISPOSABLE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# The longest path of a unix socket is 107 bytes (sun_path in unix(7), less the final NUL).
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432")
READY_WITHIN = 60.0
STOPPED_WITHIN = 10.0


class EmbeddedPostgres:
    """One server. `data` is the folder that keeps the database from one start to the next; without it, none is kept."""

    def __init__(
        self,
        data: Path | None = None,
        settings: Mapping[str, str] | None = None,
        programs: Path | None = None,
    ) -> None:
        self._asked_for = data
        self._settings = dict(settings or {})
        self._programs = programs
        self._child: subprocess.Popen[bytes] | None = None
        self._temporary_folders: list[Path] = []
        self._lock: int | None = None

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={quote(str(self._socket_folder))}"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> str:
        """Makes the database if it is new, starts the server and returns its URL. Raises PostgresUnavailable.

        Belongs in the main thread: Linux ends the server when the thread that started it ends.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start() belongs in the main thread, since Linux ends the server with the thread")
        try:
            self._start()
        except OSError as error:
            self.stop()
            raise PostgresUnavailable(f"Postgres could not be started: {error}") from error
        except BaseException:
            self.stop()
            raise
        return self.url

    def _start(self) -> None:
        user = RunAs.for_data(self._asked_for)
        programs = usable_programs(user, self._programs)
        self._socket_folder = self._temporary(user)
        self._socket_folder.chmod(0o700)
        user.take(self._socket_folder)
        self.folder = _reachable(self._asked_for, user) if self._asked_for else self._temporary(user)
        self._lock = _lock(self.folder, user)
        data = self.folder / "data"
        if not data.exists():
            _initialise(data, programs, user)
        _refuse_another_major(data, programs, user)
        # The lock went with the last server, so a pid file that is still here is a crash's. Its number may be somebody
        # else's by now, and Postgres would take that process for the server.
        (data / "postmaster.pid").unlink(missing_ok=True)
        log = self.folder / "postgres.log"
        output = _open(log, user)
        os.ftruncate(output, 0)
        self._child = user.spawn([programs / "postgres", "-D", data, *self._options()], output, self._lock)
        os.close(output)
        _wait_until_ready(self._child, data, log)

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": f'"{self._socket_folder}"',
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A DETAIL line would write the address of a unique violation into the log.
            "log_error_verbosity": "terse",
            **self._settings,
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def stop(self) -> None:
        """Ends the server, politely first, and removes what was temporary. Safe to call twice."""
        child, self._child = self._child, None
        if child:
            for politeness in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                child.send_signal(politeness)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(STOPPED_WITHIN)
                    break
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        while self._temporary_folders:
            shutil.rmtree(self._temporary_folders.pop(), ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _temporary(self, user: RunAs) -> Path:
        """A new folder of ours with a short path that the server's user can enter."""
        for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes a folder that is ours alone
            folder = Path(tempfile.mkdtemp(prefix="twokeys-", dir=parent))
            self._temporary_folders.append(folder)
            folder.chmod(0o711)
            if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER and user.can_enter(folder):
                return folder
        raise PostgresUnavailable("No folder for the socket: set TMPDIR to one with a short path that all can enter.")


def _reachable(asked_for: Path, user: RunAs) -> Path:
    """The folder that was asked for, or root's stand-in for it when the server's user is shut out from there."""
    folder = asked_for.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if user.can_enter(folder):
        return folder
    if user.uid is None:
        raise PostgresUnavailable(f"{folder} belongs to somebody else; choose another folder for the data.")
    return _stand_in(folder)


def _stand_in(folder: Path) -> Path:
    # The folder keeps the stand-in's name, so that whoever removes the folder begins anew.
    pointer = folder / "kept-in"
    if pointer.exists():
        kept_in = reachable_folder() / Path(pointer.read_text().strip()).name
        if kept_in.name.startswith("data-") and kept_in.is_dir():
            return kept_in
    kept_in = Path(tempfile.mkdtemp(prefix="data-", dir=reachable_folder()))
    kept_in.chmod(0o711)
    pointer.write_text(f"{kept_in}\n")
    return kept_in


def _open(path: Path, user: RunAs) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    user.take(descriptor)
    return descriptor


def _lock(folder: Path, user: RunAs) -> int:
    """One server a folder. A server whose parent was killed gets a moment to finish."""
    lock = _open(folder / "lock", user)
    deadline = time.monotonic() + STOPPED_WITHIN
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise PostgresUnavailable(f"Another Postgres is running on {folder}; stop that one first.") from None
            time.sleep(0.05)
        else:
            return lock


def _initialise(data: Path, programs: Path, user: RunAs) -> None:
    # Under another name until it is whole, so that a start which was killed half-way is no trap for the next.
    draft = data.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    user.take(draft)
    fixed = ("--locale=C", "--encoding=UTF8", "--auth=trust", "--no-sync", "--no-instructions")
    done = user.run(programs / "initdb", f"--pgdata={draft}", f"--username={SUPERUSER}", *fixed)
    if done.returncode:
        shutil.rmtree(draft, ignore_errors=True)
        raise PostgresUnavailable(f"initdb failed: {_last_word(done.stdout)}")
    draft.rename(data)


def _refuse_another_major(data: Path, programs: Path, user: RunAs) -> None:
    made_by, found = (data / "PG_VERSION").read_text().strip(), major_version(programs, user)
    if made_by != str(found):
        raise PostgresUnavailable(f"{data} is PostgreSQL {made_by}'s, and {found} is what runs here; move it away.")


def _wait_until_ready(child: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise PostgresUnavailable(f"Postgres ended at once: {_last_word(log.read_text(errors='replace'))}")
        with suppress(OSError):
            # Line 8 is the state; line 1 tells our server's file from a crash's, which may say `ready` as well.
            match (data / "postmaster.pid").read_text().splitlines():
                case [pid, _, _, _, _, _, _, state, *_] if pid == str(child.pid) and state.strip() == "ready":
                    return
        time.sleep(0.01)
    raise PostgresUnavailable(f"Postgres was not ready within {READY_WITHIN:.0f} seconds; see {log}.")


def _last_word(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line]
    return (fatal or lines or ["it did not say why"])[-1]
