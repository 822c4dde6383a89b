"""Two replicas of the service behind a proxy that is configured as deploy/ has it."""

import itertools
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.marks import PATIENCE, within
from tests.support.service import Process, free_port, output_of, running, wait_until_ready

_HEADER, _A = 12, 1
_AUTHORITATIVE_ANSWER = 0x8580


@dataclass
class NameServer:
    addresses: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, query: bytes) -> bytes:
        """RFC 1035 §4: the question again, and an A record for each address; none of another type."""
        question = query[_HEADER : query.index(0, _HEADER) + 5]
        asked_for = int.from_bytes(question[-4:-2], "big")
        found = list(self.addresses) if asked_for == _A else []
        header = query[:2] + struct.pack(">HHHHH", _AUTHORITATIVE_ANSWER, 1, len(found), 0, 0)
        # A pointer to the name in the question, type, class, a second to live, and the address.
        record = struct.pack(">HHHIH", 0xC000 | _HEADER, _A, 1, 1, 4)
        return header + question + b"".join(record + socket.inet_aton(address) for address in found)

    @contextmanager
    def running(self) -> Iterator[None]:
        with socket.socket(type=socket.SOCK_DGRAM) as listening:
            listening.bind(("127.0.0.1", 0))
            self.port = listening.getsockname()[1]
            thread = threading.Thread(target=self._serve, args=[listening])
            thread.start()
            try:
                yield
            finally:
                with socket.socket(type=socket.SOCK_DGRAM) as asking:
                    asking.sendto(b"", listening.getsockname())
                thread.join()

    def _serve(self, listening: socket.socket) -> None:
        """Until it is sent nothing at all."""
        while True:
            query, sender = listening.recvfrom(4096)
            if not query:
                return
            listening.sendto(self.answer(query), sender)


DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_WITHIN = PATIENCE
_ENDS_WITHIN = within(10.0)


@dataclass
class Replica:
    """`twokeys serve` that may be ended and started again on the same port."""

    env: Mapping[str, str]
    folder: Path
    workers: int = 1
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    _running: ExitStack = field(default_factory=ExitStack)
    _process: Process | None = None

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = ("serve", "--host", self.host, "--port", str(self.port), "--workers", str(self.workers))
        self._process = self._running.enter_context(running(*command, env=self.env, cwd=self.folder))
        wait_until_ready(self.address, self._process, self.folder)

    def end(self) -> float:
        """Asks it to end; returns the seconds that it took. It must exit with 0 within ten."""
        process = self._process
        assert process is not None
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(_ENDS_WITHIN) == 0, output_of(self.folder)
        self._running.close()
        return time.monotonic() - began

    def stop(self) -> None:
        self._running.close()


class Endpoints(httpx.AsyncBaseTransport):
    """What a cluster's own proxy does: each request goes to one of the replicas that it knows, on a new connection."""

    def __init__(self) -> None:
        self._replicas: list[Replica] = []
        self._turn = itertools.count()
        self._http = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def add(self, replica: Replica) -> None:
        self._replicas.append(replica)

    def remove(self, replica: Replica) -> None:
        self._replicas.remove(replica)

    async def remove_once_it_drains(self, replica: Replica) -> None:
        """As late as a proxy may hear of it: when `/readyz` already says that the replica ends."""
        async with httpx.AsyncClient(base_url=replica.address, timeout=PATIENCE) as client:
            while (await client.get("/readyz")).is_success:
                pass
        self.remove(replica)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        replica = self._replicas[next(self._turn) % len(self._replicas)]
        request.url = request.url.copy_with(host=replica.host, port=replica.port)
        return await self._http.handle_async_request(request)

    async def aclose(self) -> None:
        await self._http.aclose()


@dataclass(frozen=True)
class Proxy:
    address: str
    knows: Callable[[], bool]
    """Whether it takes both replicas for alive."""

    def wait(self) -> None:
        deadline = time.monotonic() + _WITHIN
        while not self.knows():
            assert time.monotonic() < deadline, "the proxy does not see both replicas"
            time.sleep(0.05)


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """Each change must find its place, or the test would run another configuration than it says."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def haproxy(replicas: list[Replica], folder: Path) -> Iterator[Proxy]:
    port, talk = free_port(), folder / "talk"
    one, two = replicas
    config = replaced(
        (DEPLOY / "haproxy.cfg").read_text(),
        ("    maxconn 20000\n", f"    maxconn 2000\n    stats socket {talk} mode 600\n"),
        ("bind :8080", f"bind 127.0.0.1:{port}"),
        ("10.77.0.11:8000", f"127.0.0.1:{one.port}"),
        ("10.77.0.12:8000", f"127.0.0.1:{two.port}"),
    )
    file = folder / "haproxy.cfg"
    file.write_text(config)

    with _process(["haproxy", "-db", "-f", str(file)], f"http://127.0.0.1:{port}", folder) as address:
        yield Proxy(address, lambda: _up(talk, "twokeys") == {"one", "two"})


@contextmanager
def haproxy_by_name(name_server: NameServer, replicas_port: int, folder: Path) -> Iterator[Proxy]:
    """It knows the replicas by the addresses that the name server tells, all with the same port."""
    port, talk = free_port(), folder / "talk"
    config = replaced(
        (DEPLOY / "haproxy-by-name.cfg").read_text(),
        ("    maxconn 20000\n", f"    maxconn 2000\n    stats socket {talk} mode 600\n"),
        ("bind :8080", f"bind 127.0.0.1:{port}"),
        ("127.0.0.11:53", f"127.0.0.1:{name_server.port}"),
        ("twokeys:8000", f"twokeys:{replicas_port}"),
    )
    file = folder / "haproxy.cfg"
    file.write_text(config)

    def knows() -> bool:
        return all(len(_up(talk, backend)) == len(name_server.addresses) for backend in ("twokeys", "log_ins"))

    with _process(["haproxy", "-db", "-f", str(file)], f"http://127.0.0.1:{port}", folder) as address:
        yield Proxy(address, knows)


def _up(talk: Path, backend: str) -> set[str]:
    """The names of the servers that haproxy takes for alive."""
    rows = [line.split(",") for line in _ask(talk, b"show stat\n").splitlines()]
    servers = [row for row in rows if row[0] == backend and row[1] != "BACKEND"]
    return {row[1] for row in servers if row[17] == "UP"}


def _ask(talk: Path, what: bytes) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(talk))
        connection.sendall(what)
        return connection.makefile("rb").read().decode()


@contextmanager
def nginx(replicas: list[Replica], folder: Path) -> Iterator[Proxy]:
    port = free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    one, two = replicas
    config = replaced(
        text,
        ("access_log off;", "access_log off; error_log stderr;"),
        ("worker_processes auto;", "worker_processes 1; daemon off;"),
        ("10.77.0.11:8000", f"127.0.0.1:{one.port}"),
        ("10.77.0.12:8000", f"127.0.0.1:{two.port}"),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
    )
    file = folder / "nginx.conf"
    file.write_text(config.replace("/tmp/", f"{folder}/"))  # noqa: S108 - the container's
    # It learns from failing, and a server that is back is tried again after fail_timeout.
    with _process(["nginx", "-c", str(file)], f"http://127.0.0.1:{port}", folder) as address:
        yield Proxy(address, lambda: True)


@contextmanager
def _process(command: list[str], address: str, folder: Path) -> Iterator[str]:
    program = shutil.which(command[0])
    assert program
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen([program, *command[1:]], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _WITHIN
        while not _answers(address):
            assert process.poll() is None, (folder / "proxy.log").read_text()
            assert time.monotonic() < deadline, (folder / "proxy.log").read_text()
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=PATIENCE).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
