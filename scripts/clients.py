"""The packages of clients/: the part that comes from openapi/openapi.json, beside the part that is written by hand.

Generates in place; with `--into DIR` in a copy of clients/, which is left there. Exits with 77 where the generators
can't be had.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from app.http.openapi import VERSION

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "openapi" / "openapi.json"
MISSING = 77
_LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".venv", "wire", "wire.ts", "__pycache__")


def make_python(folder: Path) -> None:
    """`twokeys_client/wire`, and the environment `.venv` that has what it needs."""
    uv, python = Path(sys.executable).with_name("uv"), folder / ".venv" / "bin" / "python"
    if not python.exists():
        _fetch(uv, "venv", "--quiet", "--python", sys.executable, folder / ".venv", cwd=folder)
    locked = folder / "requirements.txt"
    _fetch(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, locked, cwd=folder)
    wire = folder / "twokeys_client" / "wire"
    shutil.rmtree(wire, ignore_errors=True)
    generator, out = python.with_name("openapi-python-client"), ("--output-path", wire, "--meta", "none")
    # The generator calls ruff, which was installed beside it.
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    _run(generator, "generate", "--path", DOCUMENT, *out, cwd=folder, PATH=path)
    (wire / "version.py").write_text(f'__version__ = "{VERSION}"\n', encoding="utf-8")


def make_typescript(folder: Path) -> None:
    """`src/wire.ts`, compiled with the rest into `dist`."""
    if shutil.which("npm") is None:
        _give_up("npm is missing")
    _fetch("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
    programs = folder / "node_modules" / ".bin"
    _run(programs / "openapi-typescript", DOCUMENT, "--output", "src/wire.ts", cwd=folder)
    _run(programs / "tsc", cwd=folder)


def _fetch(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, check=False)
    if done.returncode:
        _give_up(f"{command[0]} could not fetch the packages")


def _give_up(why: str) -> None:
    print(why)
    sys.exit(MISSING)


def _run(*command: str | Path, cwd: Path, **environment: str) -> None:
    subprocess.run(command, cwd=cwd, env=os.environ | environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=("python", "typescript"), nargs="?")
    parser.add_argument("--into", type=Path)
    params = parser.parse_args()
    folder = ROOT / "clients"
    if params.into:
        shutil.copytree(folder, params.into, ignore=_LEFT_OUT, dirs_exist_ok=True)
        folder = params.into.resolve()
    for which, make in {"python": make_python, "typescript": make_typescript}.items():
        if params.which in {None, which}:
            make(folder / which)


if __name__ == "__main__":
    main()
