"""Three machines with etcd, Patroni and Postgres, and haproxy in front of them, configured as deploy/patroni has it.

Each is a network namespace of this machine behind a cable that can be pulled, so this needs root.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import psutil

from app.development.postgres_programs import RunAs
from tests.faults.fleet import DEPLOY, replaced
from tests.support.marks import PATIENCE, missing
from tests.support.service import free_port

_MACHINES = {"one": "10.78.0.11", "two": "10.78.0.12", "three": "10.78.0.13"}
_HERE = "10.78.0.1"
_BRIDGE = f"tk{os.getpid()}"
_PROGRAMS = Path("/usr/lib/postgresql")
_CONFIGURED = DEPLOY / "patroni"
_PASSWORD = "only-in-tests"
_STREAMING = """
    SELECT count(*) = 2 AND count(*) FILTER (WHERE sync_state = 'sync') = 1
    FROM pg_stat_replication WHERE state = 'streaming' AND application_name = ANY ($1)
"""


def impossible() -> str:
    """What is missing here, and how to get it; empty where nothing is."""
    lacking = [why for program in ("patroni", "etcd", "haproxy", "ip") if (why := missing(program))]
    if not list(_PROGRAMS.glob("*/bin/pg_rewind")):
        lacking.append("no PostgreSQL in /usr/lib/postgresql; on Debian: apt-get install postgresql")
    if os.geteuid() != 0:
        lacking.append("only root can make networks")
    return "; ".join(lacking)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Machine:
    """Postgres outlives a Patroni that was killed, as it does where no watchdog is."""

    name: str
    folder: Path
    user: RunAs
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return _MACHINES[self.name]

    @property
    def _namespace(self) -> str:
        return f"{_BRIDGE}-{self.name}"

    @property
    def _cable(self) -> str:
        return f"{_BRIDGE}{self.name}"

    def connect(self) -> None:
        _ip("netns", "add", self._namespace)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self._namespace)
        _ip("link", "set", self._cable, "master", _BRIDGE, "up")
        _ip("-n", self._namespace, "link", "set", "lo", "up")
        _ip("-n", self._namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self._namespace, "link", "set", "eth0", "up")

    def disconnect(self) -> None:
        _ip("netns", "del", self._namespace)

    def start_etcd(self) -> None:
        folder = ("/var/lib/etcd/twokeys", f"{self.folder}/etcd")
        text = self._configured("etcd.env", ("ETCD_NAME=one", f"ETCD_NAME={self.name}"), folder)
        settings = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
        self._spawn(["etcd"], settings)

    def start_patroni(self) -> None:
        newest = max(_PROGRAMS.glob("*/bin/pg_rewind"), key=lambda path: int(path.parts[-3])).parent
        text = self._configured(
            "patroni.yml",
            ("name: one", f"name: {self.name}"),
            ("/var/lib/postgresql/15/twokeys", f"{self.folder}/data"),
            ("/usr/lib/postgresql/15/bin", str(newest)),
            ("/var/run/postgresql", str(self.folder)),
            ("    - host all all", f"    - host all all {_HERE}/32 trust\n    - host all all"),
        )
        file = self.folder / "patroni.yml"
        file.write_text(text)
        roles = ("SUPERUSER", "REPLICATION", "REWIND")
        self._spawn(["patroni", str(file)], {f"PATRONI_{role}_PASSWORD": _PASSWORD for role in roles})

    def _configured(self, name: str, *changes: tuple[str, str]) -> str:
        """What the machine `one` has, with the name and the address of this one; a list of all three stays."""
        lines = (_CONFIGURED / name).read_text().splitlines()
        one, two = _MACHINES["one"], _MACHINES["two"]
        ours = [line if two in line else line.replace(one, self.address) for line in lines]
        return replaced("\n".join(ours), *changes)

    def _spawn(self, command: list[str], settings: dict[str, str]) -> None:
        as_user = [f"--reuid={self.user.uid}", f"--regid={self.user.gid}", "--clear-groups", "--pdeathsig=TERM"]
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            self.programs[command[0]] = subprocess.Popen(
                ["ip", "netns", "exec", self._namespace, "setpriv", *as_user, "--", *command],
                cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def postgres(self) -> list[psutil.Process]:
        """The postmaster, then its children."""
        with suppress(OSError, psutil.NoSuchProcess, ValueError):
            pid = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
            if (postmaster := psutil.Process(pid)).name().startswith("postgres"):
                return [postmaster, *postmaster.children(recursive=True)]
        return []

    def kill_postgres(self) -> None:
        for process in self.postgres():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def kill_patroni(self) -> None:
        self.programs["patroni"].kill()
        self.programs["patroni"].wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The whole machine stands still meanwhile, as one does whose hypervisor is busy."""
        standing = [*(psutil.Process(each.pid) for each in self.programs.values()), *self.postgres()]
        for process in standing:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in reversed(standing):
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Nothing reaches it, and it reaches nobody."""
        _ip("link", "set", self._cable, "down")
        try:
            yield
        finally:
            _ip("link", "set", self._cable, "up")

    @contextmanager
    def parted(self) -> Iterator[None]:
        """It is cut off from the two others, and still reached from here."""
        others = [address for address in _MACHINES.values() if address != self.address]
        for address in others:
            _ip("-n", self._namespace, "route", "add", "blackhole", address)
        try:
            yield
        finally:
            for address in others:
                _ip("-n", self._namespace, "route", "del", "blackhole", address)

    async def is_primary(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as http:
                return (await http.get(f"http://{self.address}:8008/primary")).is_success
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        for process in self.programs.values():
            process.kill()
            process.wait()
        self.kill_postgres()


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
                return bool(await connection.fetchval(_STREAMING, list(_MACHINES)))
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
        _ip("link", "add", _BRIDGE, "type", "bridge")
        stack.callback(_ip, "link", "del", _BRIDGE)
        _ip("addr", "add", f"{_HERE}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        machines = [Machine(name, folder / name, user) for name in _MACHINES]
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
    text = (_CONFIGURED / "haproxy.cfg").read_text()
    file.write_text(replaced(text, ("127.0.0.1:5432", f"127.0.0.1:{port}")))
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
