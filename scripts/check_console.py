"""The console's scripts: their pure modules by `node --test`, their types against the OpenAPI document, their bundle.

Exits with 77 where Node.js is missing or the compiler can't be fetched: the check is skipped then, and says why.
TypeScript is installed once, in an environment of its own that no other tool uses.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from app.console.bundle import BUNDLE, bundle
from app.console.pages import pages_under

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "app" / "console" / "static"
TESTS = ROOT / "tests" / "console"
TYPES = TESTS / "types"
ENVIRONMENT = ROOT / ".console-types"
SKIPPED = 77
LONGEST_LINE = 120


def main() -> int:
    if long := list(_long_lines()):
        print("\n".join(long))
        return 1
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("Node.js and npm are missing")
        return SKIPPED
    tests = sorted(str(path) for path in TESTS.glob("*.test.mjs"))
    if code := _run("node", "--test", *tests, cwd=ROOT):
        return code
    if not _install():
        return SKIPPED
    return _check_types() or _check_bundle()


def _long_lines() -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: longer than {LONGEST_LINE} columns"
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]


def _install() -> bool:
    lock = (TYPES / "package-lock.json").read_bytes()
    mark, digest = ENVIRONMENT / "installed", hashlib.sha256(lock).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return True
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    ENVIRONMENT.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TYPES / name, ENVIRONMENT)
    if _run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=ENVIRONMENT):
        print("TypeScript can't be installed")
        return False
    mark.write_text(digest)
    return True


def _check_types() -> int:
    shutil.copy(TYPES / "tsconfig.json", ENVIRONMENT)
    shutil.rmtree(ENVIRONMENT / "static", ignore_errors=True)
    shutil.copytree(STATIC, ENVIRONMENT / "static")
    bin_folder = ENVIRONMENT / "node_modules" / ".bin"
    generate: list[str | Path] = [
        bin_folder / "openapi-typescript",
        ROOT / "openapi" / "openapi.json",
        "--output",
        "twokeys-api.d.ts",
    ]
    return _run(*generate, cwd=ENVIRONMENT) or _run(bin_folder / "tsc", "--project", ".", cwd=ENVIRONMENT)


def _check_bundle() -> int:
    """What the bundle can't take would stop the service when it starts."""
    try:
        made = bundle(pages_under(STATIC))
    except ValueError as refused:
        print(f"app/console/bundle.py can't take this, see its docstring: {refused}")
        return 1
    with tempfile.TemporaryDirectory(prefix="twokeys-bundle-") as scratch:
        file = Path(scratch, BUNDLE).with_suffix(".mjs")
        file.write_bytes(made.content)
        return _run("node", "--check", file, cwd=ROOT)


def _run(*command: str | Path, cwd: Path) -> int:
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        print(done.stdout.rstrip())
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
