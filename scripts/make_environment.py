"""Makes .venv from requirements/dev.txt, every file checked against its hash, and keeps it in step with that file.

Standard library only. The syntax stays readable to Python 3.6, so that an old one gets a sentence and no SyntaxError.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "made-from"
LOCK = ROOT / "requirements" / "dev.txt"
PYTHON = VENV / "bin" / "python"
# Not sys.executable: inside an activated .venv that one is the very Python which may have to be replaced.
BASE = Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info[:2]))
BASE_PYTHON = str(BASE if BASE.exists() else sys.executable)
NO_ROOM = (
    "There is no space left on the disk that holds {} (the environment needs about 700 MB); free some and try again."
)


class CannotMake(Exception):
    """Says in one line what the reader has to do."""


def use_a_new_enough_python() -> None:
    """Goes on in the first Python on PATH that is new enough, when this one is not."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        newer = shutil.which("python3.{}".format(minor))
        if newer:
            os.execv(newer, [newer, *sys.argv])
    raise CannotMake(
        "Twokeys needs Python 3.11 or newer and {} is {}.{}; install one, or name it: make PYTHON=python3.13".format(
            sys.executable, *sys.version_info[:2]
        )
    )


def require_the_modules_that_debian_splits_off() -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as missing:
        raise CannotMake(
            "{} lacks its '{}' module; on Debian and Ubuntu: apt-get install python3-venv".format(
                sys.executable, missing.name
            )
        ) from None


@contextlib.contextmanager
def one_at_a_time() -> "Iterator[None]":
    """Two makes in one clone take turns; the lock goes with the process, so a killed one blocks nobody."""
    import fcntl

    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is preparing .venv; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wanted() -> str:
    """What the environment must have been made from. The path counts: a moved environment does not run."""
    parts = [LOCK.read_bytes(), Path(__file__).read_bytes()]
    parts += [os.fsencode(str(ROOT)), sys.version.encode(), os.fsencode(BASE_PYTHON)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def made_from() -> str:
    try:
        return STAMP.read_text() if PYTHON.exists() else ""
    except OSError:
        return ""


def run(*command: str) -> str:
    """Runs a step in silence; a failing one is told by the last line that it had to say."""
    # PYTHONPATH and PIP_TARGET would put the packages somewhere else.
    environ = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET")
    }
    environ.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_USER="0", PIP_NO_INPUT="1")
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, cwd=str(ROOT), check=False
    )
    if done.returncode:
        output = done.stdout.decode(errors="replace")
        if os.strerror(errno.ENOSPC) in output:
            raise CannotMake(NO_ROOM.format(VENV))
        if re.search("NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError", output):
            raise CannotMake(
                "pip cannot reach a package index; go online, or tell pip of one that you reach (pip config)"
            )
        lines = [line for line in output.splitlines() if line.strip() and "WARNING" not in line]
        errors = [line for line in lines if "ERROR" in line] or lines[-1:] or ["no word why"]
        raise CannotMake("Making .venv failed ({}): {}".format(" ".join(command[1:4]), errors[-1].strip()))
    return done.stdout.decode()


def name_of(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def remove_what_the_lock_no_longer_names() -> None:
    named = {name_of(line.split("==")[0].split("[")[0]) for line in LOCK.read_text().splitlines() if "==" in line}
    listed = run(str(PYTHON), "-m", "pip", "list", "--format=freeze").splitlines()
    installed = {name_of(line.split("==")[0]) for line in listed if "==" in line}
    surplus = sorted(installed - named - {"pip", "setuptools", "wheel", "twokeys"})
    if surplus:
        run(str(PYTHON), "-m", "pip", "uninstall", "--yes", *surplus)


def make() -> None:
    print("Preparing .venv from requirements/dev.txt (a minute or two the first time)…", flush=True)
    with contextlib.suppress(FileNotFoundError):
        STAMP.unlink()
    pip = (str(PYTHON), "-m", "pip", "install", "--quiet")
    usable = PYTHON.exists() and subprocess.run(
        [str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False
    )
    if usable and not usable.returncode and same_python_and_place():
        remove_what_the_lock_no_longer_names()
    else:
        run(BASE_PYTHON, "-m", "venv", "--clear", str(VENV))
    run(*pip, "--require-hashes", "--requirement", str(LOCK))
    # What `make fast-argon2` built may be of another version.
    shutil.rmtree(str(VENV / "argon2"), ignore_errors=True)
    # The project itself, as an editable install, for the `twokeys` command; hatchling came from the lock.
    run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    (VENV / "place").write_text(place())
    STAMP.write_text(wanted())


def place() -> str:
    return "{}\n{}\n{}\n".format(ROOT, BASE_PYTHON, sys.version)


def same_python_and_place() -> bool:
    try:
        return (VENV / "place").read_text() == place()
    except OSError:
        return False


def main() -> "int | str":
    try:
        use_a_new_enough_python()
        require_the_modules_that_debian_splits_off()
        with one_at_a_time():
            if made_from() != wanted():
                make()
    except CannotMake as reason:
        return str(reason)
    except KeyboardInterrupt:
        return "Stopped; the next make goes on from here."
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return NO_ROOM.format(VENV)
        return "Cannot prepare {}: {}".format(VENV, error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
