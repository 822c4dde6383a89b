"""How many writes an answer takes."""

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest

from app.server.transport import JoinedWrites

pytestmark = pytest.mark.anyio


class Recorder:
    """A transport that notes what is sent at once."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.sent.append(b"".join(parts))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def joined(recorder: Recorder) -> JoinedWrites:
    return JoinedWrites(cast("asyncio.Transport", recorder), asyncio.get_running_loop())


async def test_head_and_body_leave_together_and_in_order() -> None:
    recorder = Recorder()
    transport = joined(recorder)
    for part in (b"head 1, ", b"body 1", b"head 2, ", b"body 2"):
        transport.write(part)
    assert recorder.sent == [b"head 1, body 1", b"head 2, body 2"]


async def test_a_head_alone_leaves_with_the_turn() -> None:
    recorder = Recorder()
    joined(recorder).write(b"head")
    await asyncio.sleep(0)
    assert recorder.sent == [b"head"]


async def test_what_is_held_back_leaves_before_the_connection_closes() -> None:
    recorder = Recorder()
    transport = joined(recorder)
    transport.write(b"head")
    transport.close()
    assert (recorder.sent, recorder.closed) == ([b"head"], True)


async def test_nothing_is_written_to_a_connection_that_was_lost() -> None:
    recorder = Recorder()
    joined(recorder).write(b"head")
    recorder.closed = True
    await asyncio.sleep(0)
    assert recorder.sent == []
