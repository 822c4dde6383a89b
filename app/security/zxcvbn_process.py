"""zxcvbn, and the process that runs it: a line of JSON in, a line out, until there are no more."""

import json
import os
import signal
import sys
from collections.abc import Sequence

import zxcvbn_rs_py

_NICE = 10


def guess(text: str, known: Sequence[str]) -> tuple[int, str | None]:
    """The score, 0 to 4, and what is wrong with this text; `known` are words that a guesser would try first."""
    found = zxcvbn_rs_py.zxcvbn(text, list(known))
    warning = found.feedback.warning if found.feedback else None
    return int(found.score), str(warning) if warning else None


def main() -> None:
    # Ctrl-C reaches every process of a terminal; ours ends when its parent closes the pipe, or is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        os.nice(_NICE)
    for line in sys.stdin:
        print(json.dumps(guess(*json.loads(line))), flush=True)  # noqa: T201 - the protocol


if __name__ == "__main__":
    main()
