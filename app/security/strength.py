"""How guessable a text is. zxcvbn takes up to a second on chosen text, and keeps the interpreter for itself meanwhile.

So only a part of the text is looked at, a thread of its own does it, and text that may take long goes to a process.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

from app.kernel.refusal import Overloaded
from app.security.zxcvbn_process import guess

LOOKED_AT = 40
"""Characters; what comes after them adds nothing to a score."""
_MOST_WAITING = 16
_RETRY_AFTER_SECONDS = 1
# Text like this takes 4 ms at most. The time grows with the number of different characters that may stand for letters.
_QUICK_LENGTH = 32
_QUICK_SUBSTITUTES = 4
_SUBSTITUTES = frozenset("4@8({[<3691!|7$5+2%0")
_LONGEST_SECONDS = 5.0
_PROGRAM = Path(__file__).with_name("zxcvbn_process.py")


class StrengthEstimator:
    """One text at a time. Refuses with `Overloaded` where too many wait."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="strength")
        self._waiting = 0
        self._process: subprocess.Popen[str] | None = None

    async def estimate(self, text: str, known: Sequence[str]) -> tuple[int, str | None]:
        """As `guess`. Raises Overloaded."""
        if self._waiting >= _MOST_WAITING:
            raise Overloaded(retry_after=_RETRY_AFTER_SECONDS)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._estimate, text[:LOOKED_AT], known)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._end_process()

    def _estimate(self, text: str, known: Sequence[str]) -> tuple[int, str | None]:
        if len(text) <= _QUICK_LENGTH and len(_SUBSTITUTES.intersection(text)) <= _QUICK_SUBSTITUTES:
            return guess(text, known)
        process = self._process or self._start_process()
        timer = Timer(_LONGEST_SECONDS, process.kill)
        timer.start()
        try:
            assert process.stdin  # noqa: S101 - both are pipes
            assert process.stdout  # noqa: S101
            print(json.dumps([text, list(known)]), file=process.stdin, flush=True)
            score, warning = json.loads(process.stdout.readline())
        except (OSError, ValueError):
            # It was killed, or the machine has no memory left. The next text gets a new one.
            self._end_process()
            raise Overloaded(retry_after=_RETRY_AFTER_SECONDS) from None
        finally:
            timer.cancel()
        return score, warning

    def _start_process(self) -> subprocess.Popen[str]:
        # -P: the folder of the program holds modules of ours that are none of its business.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="ascii",
        )
        return self._process

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
