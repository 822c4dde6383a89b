"""A disk so small that it can be filled: a tmpfs, which only root may mount."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

_MEGABYTE = 1024 * 1024
_BALLAST = "ballast"


@dataclass(frozen=True)
class SmallDisk:
    folder: Path

    def fill(self) -> None:
        """Not a byte is left."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast:
            for size in (_MEGABYTE, 4096, 1):
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        (self.folder / _BALLAST).unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mounted over an empty folder."""
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0711", "tmpfs", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        # Whoever still holds a file there keeps it to the end; nobody new gets in.
        _run("umount", "-l", str(folder))


@cache
def why_not() -> str:
    """Why no small disk can be had here; empty where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, to mount a small disk"
    with TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder), megabytes=1):
                return ""
        except (subprocess.CalledProcessError, OSError):
            return "needs a root that may mount a small disk"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
