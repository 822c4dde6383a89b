"""`make mutants`: changes the rules one small thing at a time and tells which changes the pure tests did not notice.

mutmut lives in an environment of its own, with the locked versions of everything else: nothing that is shipped or
tested needs it. What it changes and which tests it runs stands in pyproject.toml. What is left over is explained in
docs/explanation/testing.md.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-mutants"
PYTHON = ENVIRONMENT / "bin" / "python"
MUTMUT = "mutmut==3.8.1"


def install() -> None:
    uv = [sys.executable, "-m", "uv"]
    if not PYTHON.exists():
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)], cwd=ROOT, check=True)
    packages = ["-r", "requirements/dev.txt", MUTMUT]
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(PYTHON), *packages], cwd=ROOT, check=True)


def main() -> int:
    install()
    mutmut = [str(PYTHON), "-m", "mutmut"]
    done = subprocess.run([*mutmut, "run", *sys.argv[1:]], cwd=ROOT, check=False)
    print()
    subprocess.run([*mutmut, "results"], cwd=ROOT, check=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
