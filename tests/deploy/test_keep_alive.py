"""Who closes an idle connection between a proxy and the service: never the service first, unless the setting says so.

A request that meets a connection which is just being closed is answered with 502, or is sent twice.
"""

import re
import socket
from contextlib import ExitStack
from pathlib import Path

from app.settings import Settings
from tests.deploy.test_kubernetes import settings as in_kubernetes
from tests.support.marks import PATIENCE
from tests.support.service import free_port, over, running, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]
# How long nginx and haproxy keep an idle connection to a server where nothing else is said.
NGINX_BY_ITSELF = HAPROXY_BY_ITSELF = 60
# The ingress controller is nginx.
INGRESS_BY_ITSELF = 60
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


def nginx_upstreams() -> list[str]:
    """Those that keep connections, of the files that are run and of every block in the documentation."""
    pages = [ROOT / "deploy" / "nginx.conf", *sorted((ROOT / "docs").rglob("*.md"))]
    upstream = re.compile(r"^ *upstream \w+ \{.*?^ *\}", re.MULTILINE | re.DOTALL)
    blocks = [block for page in pages for block in upstream.findall(page.read_text())]
    return [block for block in blocks if re.search(r"\bkeepalive \d+;", block)]


def test_a_proxy_gives_idle_connections_up_before_the_service_does() -> None:
    ours = Settings.model_fields["keep_alive_seconds"].default
    given_up = [re.search(r"keepalive_timeout (\d+)s;", block) for block in nginx_upstreams()]
    after = [int(found[1]) if found else NGINX_BY_ITSELF for found in given_up]
    found = re.search(r"pool-purge-delay (\d+)s", (ROOT / "deploy" / "haproxy.cfg").read_text())
    after.append(int(found[1]) if found else HAPROXY_BY_ITSELF)
    assert len(after) >= 3
    assert max(after) < ours


def test_behind_an_ingress_the_service_keeps_connections_for_longer() -> None:
    assert int(in_kubernetes()["TWOKEYS_KEEP_ALIVE_SECONDS"]) > INGRESS_BY_ITSELF


def test_an_idle_connection_is_kept_for_as_long_as_the_setting_says(database_url: str, tmp_path: Path) -> None:
    """By one process and by workers: that of a second is closed, while an older one of an hour is still answered."""
    with ExitStack() as servers:
        kept = used(servers, database_url, tmp_path / "kept", "3600")
        for workers in ("1", "2"):
            closed = used(servers, database_url, tmp_path / workers, "1", "--workers", workers)
            assert closed.recv(1) == b""
        assert answered(kept)


def used(servers: ExitStack, database_url: str, folder: Path, seconds: str, *more: str) -> socket.socket:
    """A connection that has been idle since one answer."""
    folder.mkdir()
    port = free_port()
    env = over(database_url, TWOKEYS_KEEP_ALIVE_SECONDS=seconds)
    process = servers.enter_context(running("serve", "--port", str(port), *more, env=env, cwd=folder))
    wait_until_ready(f"http://127.0.0.1:{port}", process, folder)
    connection = servers.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
    assert answered(connection)
    return connection


def answered(connection: socket.socket) -> bool:
    connection.sendall(GET)
    answer = b""
    while b'"ok"' not in answer:
        if not (more := connection.recv(4096)):
            return False
        answer += more
    return True
