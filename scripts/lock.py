"""Writes requirements/*.txt from pyproject.toml, or says, without a network, whether they are still in step with it.

    python scripts/lock.py [--upgrade]    resolves again; without --upgrade a version that still fits stays
    python scripts/lock.py --check        exits 1 with one line when pyproject.toml has changed since

`uv pip compile` writes no registry host into its output, unlike uv.lock, pylock.toml and pip-compile.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
# Read in this order: each file is held to the versions of the first, so that what is tested is what is shipped.
FILES = {
    "dev.txt": ["--extra", "otel", "--group", "dev", "pyproject.toml"],
    "otel.txt": ["--extra", "otel", "pyproject.toml"],
    "runtime.txt": ["pyproject.toml"],
    # For the image's own build of Argon2, in an environment of its own.
    "build.txt": ["--group", "image-build"],
    # For `make docs`, in an environment of its own.
    "docs.txt": ["--group", "docs"],
}
PREFIX = "# pyproject.toml: sha256:"


def digest() -> str:
    """The fingerprint of everything in pyproject.toml that decides which packages are locked."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    decisive = [
        project["requires-python"],
        project["dependencies"],
        project["optional-dependencies"],
        pyproject["dependency-groups"],
    ]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def stale() -> list[str]:
    """The names of the lock files that were not made from this pyproject.toml."""
    header = PREFIX + digest()
    return [name for name in FILES if not _starts_with(FOLDER / name, header)]


def _starts_with(path: Path, header: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8").startswith(header + "\n")


def _compile(name: str, options: list[str], upgrade: list[str]) -> None:
    target = FOLDER / name
    draft = target.with_suffix(".draft")
    if target.exists():
        draft.write_bytes(target.read_bytes())
    held_to = [] if name == "dev.txt" else ["--constraint", str(FOLDER / "dev.txt")]
    command = [
        *[os.environ.get("UV", str(Path(sys.executable).with_name("uv"))), "pip", "compile", "--quiet"],
        *["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"],
        *["--custom-compile-command", "make lock", *upgrade, *held_to, *options],
        *["--output-file", str(draft)],
    ]
    try:
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"})
        target.write_text(f"{PREFIX}{digest()}\n{_without_header(draft)}", encoding="utf-8")
    finally:
        draft.unlink(missing_ok=True)


def _without_header(draft: Path) -> str:
    lines = draft.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(PREFIX))


def main(arguments: list[str]) -> int | str:
    if arguments == ["--check"]:
        names = stale()
        return f"Stale: {', '.join(names)} in requirements/; run `make lock`." if names else 0
    for name, options in FILES.items():
        _compile(name, options, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
