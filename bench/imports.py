"""How many lines a second `twokeys accounts import` takes: `python -m bench.imports [--lines 20000]`."""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.database.migrations import migrate
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres
from bench.seed import KEY, SECRET
from bench.server import another_database

_ROOT = Path(__file__).resolve().parents[1]
_BCRYPT = "$2b$12$" + "a" * 21 + "." + "a" * 30 + "u"


def kept_hash(number: int) -> dict[str, Any]:
    """As most tables are: a slow hash, and an authenticator app for every tenth person."""
    line: dict[str, Any] = {
        "external_id": f"u-{number}",
        "email": f"person{number}@example.com",
        "created_at": "2019-05-01T00:00:00Z",
        "password": {"hash": _BCRYPT},
    }
    app = {"otpauth_uri": f"otpauth://totp/x?secret={SECRET}", "name": "Phone"}
    return line | ({"two_factor": {"totp": [app]}} if number % 10 == 0 else {})


def wrapped_hash(number: int) -> dict[str, Any]:
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return {"email": f"fast{number}@example.com", "password": {"scheme": "sha256", "hash": digest}}


def lines_a_second(url: str, folder: Path, lines: int, line: Callable[[int], dict[str, Any]]) -> tuple[float, float]:
    """Of a first import and of its repetition; the start of the command is not counted."""
    empty, full = folder / "empty.ndjson", folder / "full.ndjson"
    empty.write_bytes(b"")
    full.write_text("".join(json.dumps(line(number)) + "\n" for number in range(lines)))
    start = _seconds(url, empty)
    first, again = _seconds(url, full), _seconds(url, full)
    return lines / max(first - start, 1e-9), lines / max(again - start, 1e-9)


def _seconds(url: str, file: Path) -> float:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("TWOKEYS_")}
    settings = {"TWOKEYS_DATABASE_URL": url, "TWOKEYS_SECRET_KEYS": KEY, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "app", "accounts", "import", str(file)]
    began = time.perf_counter()
    subprocess.run(command, cwd=file.parent, env=bare | settings, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=20_000)
    lines = parser.parse_args().lines
    with EmbeddedPostgres(settings=DISPOSABLE) as postgres, tempfile.TemporaryDirectory() as folder:
        url = asyncio.run(another_database(postgres, "imports"))
        asyncio.run(migrate(url))
        kept, again = lines_a_second(url, Path(folder), lines, kept_hash)
        wrapped, _ = lines_a_second(url, Path(folder), max(1, lines // 100), wrapped_hash)
    print(f"hashes kept {kept:,.0f} lines/s, the same file again {again:,.0f} lines/s, hashes wrapped {wrapped:,.0f}/s")


if __name__ == "__main__":
    main()
