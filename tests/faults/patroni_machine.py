"""One machine with etcd, Patroni and Postgres, configured as deploy/patroni has it.

It is a network namespace of this machine behind a cable that can be pulled, so this needs root.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from app.development.postgres_programs import RunAs
from tests.faults.fleet import DEPLOY, replaced

MACHINES = {"one": "10.78.0.11", "two": "10.78.0.12", "three": "10.78.0.13"}
HERE = "10.78.0.1"
BRIDGE = f"tk{os.getpid()}"
PROGRAMS = Path("/usr/lib/postgresql")
CONFIGURED = DEPLOY / "patroni"
_PASSWORD = "only-in-tests"


def ip(*arguments: str) -> None:
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
        return MACHINES[self.name]

    @property
    def _namespace(self) -> str:
        return f"{BRIDGE}-{self.name}"

    @property
    def _cable(self) -> str:
        return f"{BRIDGE}{self.name}"

    def connect(self) -> None:
        ip("netns", "add", self._namespace)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self._namespace)
        ip("link", "set", self._cable, "master", BRIDGE, "up")
        ip("-n", self._namespace, "link", "set", "lo", "up")
        ip("-n", self._namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self._namespace, "link", "set", "eth0", "up")

    def disconnect(self) -> None:
        ip("netns", "del", self._namespace)

    def start_etcd(self) -> None:
        folder = ("/var/lib/etcd/twokeys", f"{self.folder}/etcd")
        text = self._configured("etcd.env", ("ETCD_NAME=one", f"ETCD_NAME={self.name}"), folder)
        settings = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
        self._spawn(["etcd"], settings)

    def start_patroni(self) -> None:
        newest = max(PROGRAMS.glob("*/bin/pg_rewind"), key=lambda path: int(path.parts[-3])).parent
        text = self._configured(
            "patroni.yml",
            ("name: one", f"name: {self.name}"),
            ("/var/lib/postgresql/15/twokeys", f"{self.folder}/data"),
            ("/usr/lib/postgresql/15/bin", str(newest)),
            ("/var/run/postgresql", str(self.folder)),
            # In the home of their user all three would write the same file, over the passwords of the others.
            ("postgresql:\n  listen", f"postgresql:\n  pgpass: {self.folder}/pgpass\n  listen"),
            ("    - host all all", f"    - host all all {HERE}/32 trust\n    - host all all"),
        )
        file = self.folder / "patroni.yml"
        file.write_text(text)
        roles = ("SUPERUSER", "REPLICATION", "REWIND")
        self._spawn(["patroni", str(file)], {f"PATRONI_{role}_PASSWORD": _PASSWORD for role in roles})

    def _configured(self, name: str, *changes: tuple[str, str]) -> str:
        """What the machine `one` has, with the name and the address of this one; a list of all three stays."""
        lines = (CONFIGURED / name).read_text().splitlines()
        one, two = MACHINES["one"], MACHINES["two"]
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
        ip("link", "set", self._cable, "down")
        try:
            yield
        finally:
            ip("link", "set", self._cable, "up")

    @contextmanager
    def parted(self) -> Iterator[None]:
        """It is cut off from the two others, and still reached from here."""
        others = [address for address in MACHINES.values() if address != self.address]
        for address in others:
            ip("-n", self._namespace, "route", "add", "blackhole", address)
        try:
            yield
        finally:
            for address in others:
                ip("-n", self._namespace, "route", "del", "blackhole", address)

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
