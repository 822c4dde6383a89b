"""The container's health check: whatever is run, on whatever port, past any proxy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.server.health_check import place_of
from tests.support.marks import PATIENCE
from tests.support.service import free_port, over, running, wait_until_ready

# Nobody listens there: who asked a proxy would learn that.
DEAD_PROXIES = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("python -m app serve", ("127.0.0.1", 8000)),
        ("python -m app serve --host 0.0.0.0 --port 9000", ("127.0.0.1", 9000)),
        ("python -m app serve --port=9000 --host=10.0.0.7", ("10.0.0.7", 9000)),
        ("python -m app serve --host :: --port 1 --port 9000", ("::1", 9000)),
        ("/sbin/docker-init -- python -m app serve --workers 2 --port 9000", ("127.0.0.1", 9000)),
        ("python -m app worker", None),
        ("python -m app migrate", None),
    ],
)
def test_the_command_line_says_where_to_ask(command: str, place: tuple[str, int] | None) -> None:
    assert place_of(command.split()) == place


def health_of(pid: int) -> int:
    command = [sys.executable, "-m", "app.server.health_check", str(pid)]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(command, cwd=root, env=os.environ | DEAD_PROXIES, check=False, timeout=PATIENCE).returncode


def test_a_service_is_well_while_it_is_ready(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    with running("serve", "--port", str(port), env=over(database_url), cwd=tmp_path) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)
        assert health_of(process.pid) == 0


def test_a_service_that_answers_nothing_is_not_well(database_url: str, tmp_path: Path) -> None:
    with running(
        "serve", "--port", str(free_port()), env=over(database_url, TWOKEYS_SECRET_KEYS=""), cwd=tmp_path
    ) as process:
        process.wait(PATIENCE)
        assert health_of(process.pid) == 1


def test_a_worker_is_well_while_it_lives(database_url: str, tmp_path: Path) -> None:
    with running("worker", env=over(database_url), cwd=tmp_path) as process:
        assert health_of(process.pid) == 0
    assert health_of(process.pid) == 1
