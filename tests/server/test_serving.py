"""`twokeys serve`: what it refuses to start with, how it ends, and what slow or broken clients get."""

import asyncio
import base64
import os
import signal
import socket
import tempfile
import time
from pathlib import Path

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.kernel.clock import SystemClock
from app.kernel.randomness import new_id
from app.observability.metrics import FILE_BYTES, SHARED_FOLDER
from app.server.workers import shared_metrics
from app.services import build_services
from app.settings import Settings, new_key
from tests.support.marks import PATIENCE, within
from tests.support.people import EMAIL, KEY, PASSWORD, an_account
from tests.support.postgres import Server
from tests.support.service import (
    Process,
    environment,
    free_port,
    output_of,
    over,
    processes_of,
    running,
    twokeys,
    wait_until_ready,
    workers_of,
)

WEAK = base64.urlsafe_b64encode(b"\0" * 32).decode()


def refusal(env: dict[str, str], cwd: Path, *arguments: str) -> str:
    """The one line that `serve` ends with."""
    done = twokeys("serve", "--port", str(free_port()), *arguments, env=env, cwd=cwd)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("twokeys: ")
    assert done.stdout == ""
    return line


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"TWOKEYS_DATABASE_URL": ""}, "TWOKEYS_DATABASE_URL is missing"),
        ({"TWOKEYS_DATABASE_URL": "mysql://host/x"}, "TWOKEYS_DATABASE_URL must begin"),
        ({"TWOKEYS_SECRET_KEYS": ""}, "TWOKEYS_SECRET_KEYS is missing"),
        ({"TWOKEYS_SECRET_KEYS": WEAK}, "TWOKEYS_SECRET_KEYS: each key must be 32 random bytes"),
        ({"TWOKEYS_MAIL": "on"}, "TWOKEYS_SMTP_URL is missing"),
        (
            {"TWOKEYS_MAIL": "on", "TWOKEYS_SMTP_URL": "smtp://h", "TWOKEYS_PUBLIC_URL": ""},
            "TWOKEYS_PUBLIC_URL is missing",
        ),
        (
            {"TWOKEYS_MAIL": "on", "TWOKEYS_SMTP_URL": "smtp://h", "TWOKEYS_MAIL_FROM": ""},
            "TWOKEYS_MAIL_FROM is missing",
        ),
        ({"TWOKEYS_ISSUER": "a:b"}, "TWOKEYS_ISSUER"),
        ({"TWOKEYS_WEBAUTHN_RP_ID": "https://example.com"}, "TWOKEYS_WEBAUTHN_RP_ID"),
        ({"TWOKEYS_WEBAUTHN_ORIGINS": "https://evil.example"}, "TWOKEYS_WEBAUTHN_ORIGINS"),
        ({"TWOKEYS_DATABASE_URL": "postgresql://127.0.0.1:1/none"}, "The database can't be reached."),
    ],
)
def test_it_does_not_start_without_what_it_needs(
    database_url: str, tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    assert says in refusal(over(database_url, **settings), tmp_path)


def test_no_refusal_repeats_a_secret(database_url: str, tmp_path: Path) -> None:
    secret = "hunter2hunter2"
    for settings in (
        {"TWOKEYS_SECRET_KEYS": secret},
        {"TWOKEYS_DATABASE_URL": f"mysql://u:{secret}@h/x"},
        {"TWOKEYS_DATABASE_URL": f"postgresql://u:{secret}@127.0.0.1:1/x"},
        *({"TWOKEYS_DATABASE_URL": f"postgresql://u:{mark}{secret}@127.0.0.1:1/x"} for mark in "#[]@/?"),
        {"TWOKEYS_MAIL": "on", "TWOKEYS_SMTP_URL": f"ftp://u:{secret}@h"},
    ):
        assert secret not in refusal(over(database_url, **settings), tmp_path)


def test_a_home_that_can_not_be_read_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    # Over TCP the driver would look for certificates there. As root nothing is forbidden, but this can't be opened.
    home = f"/{'long' * 100}"
    url = "postgresql://u@127.0.0.1:1/x"
    assert "Connect call failed" in refusal(over(url, HOME=home), tmp_path)


def test_it_does_not_start_on_an_empty_database(postgres: Server, tmp_path: Path) -> None:
    url = asyncio.run(postgres.create("serving_empty"))
    try:
        assert "run `twokeys migrate`" in refusal(over(url), tmp_path)
    finally:
        asyncio.run(postgres.drop("serving_empty"))


def test_it_does_not_start_where_secrets_are_sealed_with_an_unknown_key(database_url: str, tmp_path: Path) -> None:
    async def invite() -> None:
        keys = (SecretStr(KEY),)
        services = build_services(Settings(database_url=SecretStr(database_url), secret_keys=keys), SystemClock())
        await an_account(services, EMAIL, None)
        await services.close()

    asyncio.run(invite())
    assert "1 stored secret" in refusal(over(database_url, TWOKEYS_SECRET_KEYS=new_key()), tmp_path)


def test_it_does_not_start_where_keys_belong_to_another_rp_id(database_url: str, tmp_path: Path) -> None:
    asyncio.run(_register_keys(database_url, "old.example.com", 2))
    line = refusal(over(database_url, TWOKEYS_PUBLIC_URL="https://new.example.com"), tmp_path)
    assert "2 security key(s) and passkey(s) were registered for another RP id" in line
    # A new host is no other RP id where the operator names the old one.
    port, env = free_port(), over(database_url, TWOKEYS_PUBLIC_URL="https://login.old.example.com")
    with running(
        "serve", "--port", str(port), env=env | {"TWOKEYS_WEBAUTHN_RP_ID": "old.example.com"}, cwd=tmp_path
    ) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)


async def _register_keys(database_url: str, rp_id: str, count: int) -> None:
    connection = await asyncpg.connect(database_url)
    for number in range(count):
        id = new_id()
        await connection.execute(
            "INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)"
            " VALUES ($1, $2, $2, 'active', 0, now())",
            id,
            f"{number}@example.com",
        )
        await connection.execute(
            "INSERT INTO authenticators (id, account_id, kind, name, created_at, credential_id, public_key, sign_count,"
            " passkey, backed_up, transports, rp_id)"
            " VALUES ($1, $1, 'webauthn', 'Key', now(), $2, 'key', 0, false, false, '{}', $3)",
            id,
            id.bytes,
            rp_id,
        )
    await connection.close()


def test_it_does_not_start_on_a_port_that_is_taken(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(over(database_url), tmp_path, "--port", str(port))
    assert (
        line == f"twokeys: Port {port} on 127.0.0.1 can't be used: address already in use. Choose another with --port."
    )


@pytest.mark.parametrize(("workers", "ending"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGINT)])
def test_being_told_to_end_is_no_failure(
    database_url: str, tmp_path: Path, workers: int, ending: signal.Signals
) -> None:
    port = free_port()
    with running(
        "serve", "--port", str(port), "--workers", str(workers), env=over(database_url), cwd=tmp_path
    ) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)
        process.send_signal(ending)
        assert process.wait(PATIENCE) == 0, output_of(tmp_path)
        wait_until_gone(process, tmp_path)


def wait_until_gone(process: Process, cwd: Path) -> None:
    """With all its children: multiprocessing's own watcher for leaks ends when it sees that we have, a moment later."""
    deadline = time.monotonic() + PATIENCE
    while processes_of(process.pid):
        assert time.monotonic() < deadline, output_of(cwd)
        time.sleep(0.05)


def test_a_request_under_way_is_answered_before_the_end(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    slow = over(database_url, TWOKEYS_ARGON2_MEMORY_KIB="262144", TWOKEYS_ARGON2_TIME_COST="4")
    with running("serve", "--port", str(port), env=slow, cwd=tmp_path) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            body = f'{{"email":"{EMAIL}","password":"{PASSWORD}"}}'
            head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(f"POST /v1/login HTTP/1.1\r\n{head}Expect: 100-continue\r\n\r\n".encode())
            # Said once the request is being answered.
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
            connection.sendall(body.encode())
            process.send_signal(signal.SIGTERM)
            assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")
        assert process.wait(PATIENCE) == 0


def test_an_idle_connection_does_not_hold_the_end_up(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    with running("serve", "--port", str(port), env=over(database_url), cwd=tmp_path) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)
        with socket.create_connection(("127.0.0.1", port)) as half:
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
            assert time.monotonic() - began < within(5)


def test_no_worker_outlives_its_supervisor(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    with running("serve", "--port", str(port), "--workers", "2", env=over(database_url), cwd=tmp_path) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)
        process.kill()
        process.wait()
        wait_until_gone(process, tmp_path)


def test_workers_count_together_and_those_that_die_are_replaced(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = over(database_url, TWOKEYS_METRICS="true", TMPDIR=str(tmp_path))
    with running("serve", "--port", str(port), "--workers", "2", env=env, cwd=tmp_path) as process:
        wait_until_ready(address, process, tmp_path)
        # Each request on a connection of its own, so that both workers get some.
        with httpx.Client(base_url=address, headers={"Connection": "close"}, timeout=PATIENCE) as api:
            for _ in range(20):
                api.post("/v1/logout")
            assert {_logouts(api) for _ in range(10)} == {20.0}

        before = workers_of(process)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while len(set(workers_of(process)) - set(before)) < 2:
            assert time.monotonic() < deadline, output_of(tmp_path)
            time.sleep(0.05)
        wait_until_ready(address, process, tmp_path)
        # What the dead counted stays, in less room.
        with httpx.Client(base_url=address, timeout=PATIENCE) as api:
            assert _logouts(api) == 20.0
        left = [file.stat().st_size for pid in before for file in tmp_path.glob(f"*/*_{pid}.db")]
        assert 0 < sum(left) < min(FILE_BYTES.values())

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, output_of(tmp_path)
        wait_until_gone(process, tmp_path)


def test_workers_count_alone_where_no_temporary_folder_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.delenv(SHARED_FOLDER, raising=False)
    with capture_logs() as result, shared_metrics() as folder:
        assert folder is None
        assert SHARED_FOLDER not in os.environ
    assert [line["event"] for line in result] == ["metrics_not_shared"]


def _logouts(api: httpx.Client) -> float:
    lines = api.get("/metrics").raise_for_status().text.splitlines()
    counted = [line for line in lines if line.startswith("twokeys_requests_total{") and "/v1/logout" in line]
    return sum(float(line.rpartition(" ")[2]) for line in counted)


def test_what_is_not_http_is_told_so_in_a_problem(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    with running("serve", "--port", str(port), env=over(database_url), cwd=tmp_path) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, tmp_path)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"what?\r\n\r\n")
            answer = connection.makefile("rb").read().decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "content-type: application/problem+json" in head
    for name in ("cache-control: no-store", "x-content-type-options: nosniff", "x-request-id: "):
        assert name in head.lower()
    assert '"status":400' in body


def test_a_worker_alone_ends_with_0(database_url: str, tmp_path: Path) -> None:
    with running("worker", env=over(database_url, TWOKEYS_LOG_LEVEL="debug"), cwd=tmp_path) as process:
        deadline = time.monotonic() + PATIENCE
        while "working" not in output_of(tmp_path):
            assert process.poll() is None, output_of(tmp_path)
            assert time.monotonic() < deadline, output_of(tmp_path)
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, output_of(tmp_path)


def test_a_worker_refuses_as_serve_does(tmp_path: Path) -> None:
    done = twokeys("worker", env=environment(), cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "TWOKEYS_DATABASE_URL is missing" in done.stderr
