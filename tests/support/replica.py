"""One process under attack: `python -m tests.support.replica PORT CLOCK_FILE`, with the settings that `serve` reads.

Its clock stands where the file says, so that a test steps the time of every process at once, backwards too.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from app.main import create_app
from app.observability.logs import configure_logs
from app.server.server import listen, run
from app.settings import load_settings

_MICROSECONDS_A_PROCESS = 1000


class FileClock:
    """The instant in a file, and a microsecond more at each look, so that no two acts share a moment."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._looks = count(os.getpid() % _MICROSECONDS_A_PROCESS)

    def now(self) -> datetime:
        at = datetime.fromtimestamp(float(self._file.read_text()), UTC)
        return at + timedelta(microseconds=next(self._looks) % 900_000)


def main(port: str, clock_file: str) -> int:
    settings = load_settings()
    configure_logs(settings.log_level, as_json=True)
    app = create_app(settings, FileClock(Path(clock_file)))
    return run(app, listen("127.0.0.1", int(port)), keep_alive_seconds=settings.keep_alive_seconds)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
