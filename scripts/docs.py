"""`make docs`: builds the site of docs/ into site/, and fails where a link leads nowhere.

mkdocs lives in an environment of its own, made from requirements/docs.txt: nothing that is shipped or tested needs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-docs"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCK = "requirements/docs.txt"


def install() -> None:
    uv = [sys.executable, "-m", "uv"]
    if not PYTHON.exists():
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], cwd=ROOT, check=True)
    command = [*uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), LOCK]
    subprocess.run(command, cwd=ROOT, check=True)


def main() -> int:
    install()
    # Material's word about its successor is for us to read once, not at each build.
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [str(PYTHON), "-m", "mkdocs", "build", "--quiet", *sys.argv[1:]]
    done = subprocess.run(command, cwd=ROOT, env=quiet, check=False)
    if not done.returncode:
        print(f"The site is in {ROOT / 'site'}; `python3 -m http.server --directory site` shows it.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
