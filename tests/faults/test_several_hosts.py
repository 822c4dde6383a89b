"""Several hosts in the URL: one that hangs costs its own time limit and no other's."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from app.database.engine import Database
from app.kernel.refusal import Unavailable
from tests.faults.cluster import SUPERUSER, Node, nodes
from tests.support.marks import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
# No measure of speed: for ever ends somewhere.


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Node]]:
    with nodes(2) as made:
        for node in made:
            node.initialise()
            node.start()
        yield made


def url_over(pair: list[Node], parameters: str = "") -> str:
    return f"postgresql://{SUPERUSER}@{pair[0].host},{pair[1].host}/postgres{parameters}"


async def port_of(database: Database) -> int:
    async with database.autocommit() as connection:
        return int(await connection.scalar(text("SELECT inet_server_port()")) or 0)


@pytest.mark.parametrize("parameters", ["", "?target_session_attrs=read-write", "?target_session_attrs=prefer-standby"])
async def test_a_first_host_that_hangs_leaves_the_second(pair: list[Node], parameters: str) -> None:
    database = Database(url_over(pair, parameters))
    with pair[0].frozen():
        async with asyncio.timeout(PATIENCE):
            assert await port_of(database) == pair[1].port
    await database.close()


async def test_a_host_that_hung_is_asked_last_from_then_on(pair: list[Node]) -> None:
    database = Database(url_over(pair))
    with pair[0].frozen():
        await port_of(database)
    await database.close()
    # Both answer now; the first host of the URL is no longer the first that is asked.
    assert await port_of(database) == pair[1].port
    await database.close()


async def test_hosts_that_all_hang_are_said_to_be_unavailable(pair: list[Node]) -> None:
    database = Database(url_over(pair, "?connect_timeout=1"))
    with ExitStack() as frozen:
        for node in pair:
            frozen.enter_context(node.frozen())
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(Unavailable):
                await port_of(database)
    assert await port_of(database) in {node.port for node in pair}
    await database.close()


async def test_a_host_that_refuses_leaves_the_second(pair: list[Node]) -> None:
    database = Database(f"postgresql://{SUPERUSER}@127.0.0.1:1,{pair[1].host}/postgres")
    assert await port_of(database) == pair[1].port
    await database.close()
