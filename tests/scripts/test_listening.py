"""The servers of the tests leave nothing behind that fails a later test."""

import asyncio
import gc
import socket

import pytest

from tests.support.listening import accepting

pytestmark = pytest.mark.anyio


class _Silent(asyncio.Protocol):
    pass


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("rounds", range(5))
async def test_a_server_lets_go_of_whom_it_accepts_at_its_end(rounds: int) -> None:
    """Whatever the loop has done about the connection by then."""
    async with accepting(_Silent) as port:
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(rounds):
                await asyncio.sleep(0)
    gc.collect()
