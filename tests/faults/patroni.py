"""Three machines under Patroni, and haproxy in front of them, configured as deploy/patroni has it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from app.development.postgres_programs import RunAs
from tests.faults.fleet import replaced
from tests.faults.patroni_machine import BRIDGE, CONFIGURED, HERE, MACHINES, PROGRAMS, Machine, ip
from tests.support.marks import PATIENCE, missing
from tests.support.service import free_port

_STREAMING = """
    SELECT count(*) = 2 AND count(*) FILTER (WHERE sync_state = 'sync') = 1
    FROM pg_stat_replication WHERE state = 'streaming' AND application_name = ANY ($1)
"""


def impossible() -> str:
    """What is missing here, and how to get it; empty where nothing is."""
    lacking = [why for program in ("patroni", "etcd", "haproxy", "ip") if (why := missing(program))]
    if not list(PROGRAMS.glob("*/bin/pg_rewind")):
        lacking.append("no PostgreSQL in /usr/lib/postgresql; on Debian: apt-get install postgresql")
    if os.geteuid() != 0:
        lacking.append("only root can make networks")
    return "; ".join(lacking)


@dataclass(frozen=True)
class Cluster:
    machines: list[Machine]
    url: str
    """Of haproxy, on this machine."""

    async def primary(self, other_than: Machine | None = None) -> Machine:
        """Waits until there is one."""
        candidates = [machine for machine in self.machines if machine is not other_than]
        async with asyncio.timeout(PATIENCE):
            while True:
                for machine in candidates:
                    if await machine.is_primary():
                        return machine
                await asyncio.sleep(0.05)

    async def whole(self) -> None:
        """Waits until both standbys follow the primary, and one of them may take over."""
        async with asyncio.timeout(PATIENCE):
            while not (await self._is_streaming() and await self._knows_its_standby()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def _is_streaming(self) -> bool:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            connection = await asyncpg.connect(self.url, timeout=5)
            try:
                return bool(await connection.fetchval(_STREAMING, list(MACHINES)))
            finally:
                await connection.close()
        return False

    async def _knows_its_standby(self) -> bool:
        primary = await self.primary()
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(timeout=2) as http:
                members = (await http.get(f"http://{primary.address}:8008/cluster")).json()["members"]
            return sorted(each["role"] for each in members) == ["leader", "replica", "sync_standby"]
        return False


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Stopped and removed at the end. Postgres may take a minute to be there (`Cluster.whole`)."""
    user = RunAs.for_data(None)
    folder = Path(tempfile.mkdtemp(prefix="twokeys-patroni-", dir="/tmp"))
    folder.chmod(0o711)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        ip("link", "add", BRIDGE, "type", "bridge")
        stack.callback(ip, "link", "del", BRIDGE)
        ip("addr", "add", f"{HERE}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        machines = [Machine(name, folder / name, user) for name in MACHINES]
        for machine in machines:
            machine.folder.mkdir()
            user.take(machine.folder)
            machine.connect()
            stack.callback(machine.disconnect)
            stack.callback(machine.stop)
        for machine in machines:
            machine.start_etcd()
        for machine in machines:
            machine.start_patroni()
        port = stack.enter_context(_haproxy(folder))
        yield Cluster(machines, f"postgresql://postgres@127.0.0.1:{port}/postgres")


@contextmanager
def _haproxy(folder: Path) -> Iterator[int]:
    port, file = free_port(), folder / "haproxy.cfg"
    text = (CONFIGURED / "haproxy.cfg").read_text()
    file.write_text(replaced(text, ("127.0.0.1:5432", f"127.0.0.1:{port}")))
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
