"""Real proxies for tests: how each is started with a configuration of ours."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.marks import PATIENCE

_STARTS_WITHIN = PATIENCE


def nginx(block: str, folder: Path) -> list[str]:
    """`block` is what stands inside `http`."""
    kept = "".join(f"{name}_temp_path {folder};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    # A worker of another user could not keep a large body in this folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    whole = f"{user}pid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{kept}{block}}}\n"
    (folder / "nginx.conf").write_text(whole)
    log = str(folder / "error.log")
    return ["nginx", "-e", log, "-c", str(folder / "nginx.conf"), "-g", f"daemon off; error_log {log};"]


def caddy(block: str, folder: Path) -> list[str]:
    """`block` is a site."""
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{block}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def haproxy(block: str, folder: Path) -> list[str]:
    """`block` holds the front end and the back end."""
    limits = "timeout connect 5s\n  timeout client 30s\n  timeout server 30s"
    (folder / "haproxy.cfg").write_text(f"defaults\n  mode http\n  {limits}\n{block}")
    return ["haproxy", "-f", str(folder / "haproxy.cfg"), "-db"]


PROXIES: dict[str, Callable[[str, Path], list[str]]] = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy}


@contextmanager
def started(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """Runs until the end of the block; begins when the proxy answers."""
    with (
        (folder / "output.log").open("w+") as output,
        subprocess.Popen(
            command, stdout=output, stderr=output, env={"PATH": "/usr/sbin:/usr/bin", "HOME": str(folder)}
        ) as run,
    ):
        try:
            deadline = time.monotonic() + _STARTS_WITHIN
            while True:
                assert run.poll() is None, (folder / "output.log").read_text()
                try:
                    httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE)
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            yield
        finally:
            run.terminate()
