"""Password hashing: a few threads behind a bounded queue, never on the event loop, never in a transaction."""

import asyncio
import os
import sys
import threading
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from math import ceil
from typing import ParamSpec, TypeVar
from uuid import UUID

from passlib.exc import PasswordSizeError, UnknownHashError
from passlib.hash import argon2
from pydantic import SecretStr

from app.kernel.refusal import Overloaded
from app.observability.metrics import Gauge, Histogram
from app.security.foreign_hashes.bounds import ForeignHash

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_PASSWORD = 256
# A character of a password may come as four, a letter and its accents.
_LONGEST_UNPREPARED = 4 * LONGEST_PASSWORD
_NICE = 10
_RETRY_AFTER_SECONDS = 2
_TURNS_AT_ONCE = 4
_LONGEST_LINE = 64

_depth = Gauge("twokeys_hash_queue_depth", "Password hashes waiting or running.", multiprocess_mode="livesum")
_wait = Histogram(
    "twokeys_hash_wait_seconds",
    "Time a password hash waited for a thread.",
    buckets=(0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5),
)


def prepared(password: SecretStr) -> SecretStr:
    """As it is hashed and compared (RFC 8265 §4.2, OpaqueString): NFC, and every space the ASCII one.

    So the same keys pressed on two systems are the same password. Text that is too long in any form stays as it is:
    NFC takes seconds to put thousands of accents in order.
    """
    if len(password.get_secret_value()) > _LONGEST_UNPREPARED:
        return password
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password.get_secret_value())
    return SecretStr(unicodedata.normalize("NFC", spaced))


def _step_back() -> None:
    """Lets the event loop go first where both want the core; on Linux a thread has its own niceness.

    A service that was started with a higher one keeps it: only root may go back.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICE, os.getpriority(os.PRIO_PROCESS, thread)))


class Match(Enum):
    """Whether a password fits a hash. `OUTDATED` asks for a new hash: of other costs, or of text in another form."""

    NONE = auto()
    OUTDATED = auto()
    CURRENT = auto()


@dataclass
class _Line:
    """What one account has asked for: in its turn, or waiting for it."""

    turns: asyncio.Semaphore
    length: int = 0


class Hasher:
    """Argon2id (RFC 9106) with these costs. Refuses with `Overloaded` when the queue is full."""

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int, threads: int, queue: int) -> None:
        self._scheme = argon2.using(  # type: ignore[no-untyped-call] # published so
            type="ID", memory_cost=memory_kib, time_cost=time_cost, parallelism=parallelism
        )
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hash", initializer=_step_back)
        self._capacity = threads + queue
        self._in_use = 0
        self._lines: dict[UUID, _Line] = {}
        # What an unknown address is verified against, so that it costs what a known one costs.
        self._nobody = self._scheme.hash("nobody")

    async def hash(self, password: SecretStr) -> str:
        return await self._run(self._scheme.hash, prepared(password).get_secret_value())

    async def verify(self, password: SecretStr, stored: str | ForeignHash | None) -> bool:
        """Whether this is the password. Costs the same for no stored hash and for an over-long password."""
        return await self.match(password, stored) is not Match.NONE

    async def match(self, password: SecretStr, stored: str | ForeignHash | None) -> Match:
        """As `verify`. A password that is not in the form in which it is hashed is tried as it came, too."""
        as_prepared, as_sent = prepared(password).get_secret_value(), password.get_secret_value()
        if await self._fits(as_prepared, stored):
            is_current = isinstance(stored, str) and self.is_current(stored)
            return Match.CURRENT if is_current else Match.OUTDATED
        if as_sent != as_prepared and await self._fits(as_sent, stored):
            return Match.OUTDATED
        return Match.NONE

    def is_current(self, stored: str) -> bool:
        """Whether we would make the hash in just this way today."""
        return bool(self._scheme.identify(stored)) and not self._scheme.needs_update(stored)

    async def _fits(self, text: str, stored: str | ForeignHash | None) -> bool:
        cut = text[:LONGEST_PASSWORD]
        if isinstance(stored, str | None):
            fits = await self._run(self._verify, cut, self._nobody if stored is None else stored)
        else:
            fits = await self._verify_foreign(cut, stored)
        return fits and stored is not None and cut == text

    async def _verify_foreign(self, text: str, foreign: ForeignHash) -> bool:
        """Takes as much of the queue as the hash takes of a thread. Raises Overloaded."""
        more = max(0, ceil(foreign.weight) - 1)
        self._in_use += more
        _depth.inc(more)
        try:
            return await self._run(foreign.verify, text.encode())
        except MemoryError:
            raise Overloaded(retry_after=_RETRY_AFTER_SECONDS) from None
        finally:
            self._in_use -= more
            _depth.dec(more)

    def refuse_when_full(self) -> None:
        """Raises Overloaded where `slot` would."""
        if self._in_use >= self._capacity:
            raise Overloaded(retry_after=_RETRY_AFTER_SECONDS)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """A slot in the queue, taken before anything is counted or read, so that a shed request costs nothing.

        `hash` and `verify` take none of their own. Raises Overloaded.
        """
        self.refuse_when_full()
        self._in_use += 1
        _depth.inc()
        try:
            yield
        finally:
            self._in_use -= 1
            _depth.dec()

    @asynccontextmanager
    async def turn(self, account: UUID) -> AsyncIterator[None]:
        """Before `slot`, for what an account asks for again and again: a few at once, and the rest wait in order.

        So nobody else waits behind all that one account asks for. Raises Overloaded.
        """
        line = self._lines.setdefault(account, _Line(asyncio.Semaphore(_TURNS_AT_ONCE)))
        if line.length >= _LONGEST_LINE:
            raise Overloaded(retry_after=_RETRY_AFTER_SECONDS)
        line.length += 1
        try:
            async with line.turns:
                yield
        finally:
            line.length -= 1
            if not line.length:
                self._lines.pop(account, None)

    def _verify(self, text: str, stored: str) -> bool:
        try:
            return bool(self._scheme.verify(text, stored))
        except (UnknownHashError, PasswordSizeError, ValueError):
            return False

    async def _run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        asked_at = time.perf_counter()

        def timed() -> R:
            _wait.observe(time.perf_counter() - asked_at)
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._pool, timed)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
