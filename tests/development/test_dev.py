"""`twokeys dev`: everything on one machine, and nothing of it left after Ctrl-C."""

import asyncio
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.support.marks import PATIENCE
from tests.support.postgres import Server
from tests.support.service import (
    environment,
    free_port,
    output_of,
    over,
    running,
    twokeys,
    wait_until_ready,
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short path that the embedded server's user can enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="twokeys-dev-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def announced(cwd: Path, what: str) -> str:
    """What the command printed beside this word, once it has."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := re.search(rf"^  {what} +(.+)$", output_of(cwd), re.MULTILINE):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(output_of(cwd))


def test_a_first_and_a_second_start(home: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    passwords = []
    for ending in (signal.SIGINT, signal.SIGTERM):
        with running("dev", "--port", str(port), "--data", "d", env=environment(), cwd=home) as process:
            wait_until_ready(address, process, home)
            password = announced(home, "Its password")
            for place in ("Console", "Mailbox", "API docs", "Metrics"):
                assert httpx.get(announced(home, place), timeout=PATIENCE).status_code == 200
            body = {"email": announced(home, "Demo account"), "password": password}
            assert httpx.post(f"{address}/v1/login", json=body, timeout=PATIENCE).json()["status"] == "authenticated"
            passwords.append(password)
            process.send_signal(ending)
            assert process.wait(PATIENCE) == 0, output_of(home)
            assert "Traceback" not in output_of(home)
        assert postgres_under(home) == []
    assert passwords[0] == passwords[1]


def test_a_reset_mail_lands_in_the_mailbox(home: Path) -> None:
    """Whatever else the environment says: a name that is no setting is told, and no reason to stop."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = environment() | {"TWOKEYS_SEASONING": "salt"}
    with running("dev", "--port", str(port), env=env, cwd=home) as process:
        wait_until_ready(address, process, home)
        assert "TWOKEYS_SEASONING" in output_of(home)
        body = {"email": "demo@example.com"}
        assert httpx.post(f"{address}/v1/password-reset", json=body, timeout=PATIENCE).status_code == 202
        deadline = time.monotonic() + PATIENCE
        while not (mails := httpx.get(f"{address}/mailbox/mails", timeout=PATIENCE).json()):
            assert time.monotonic() < deadline, output_of(home)
            time.sleep(0.05)
        assert f"http://localhost:{port}/console/#/password-reset/tkr_" in mails[0]["text"]
        assert (home / ".twokeys" / "kept.json").stat().st_mode & 0o077 == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, output_of(home)


def test_a_kill_takes_postgres_along(home: Path) -> None:
    port = free_port()
    with running("dev", "--port", str(port), env=environment(), cwd=home) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, home)
        assert postgres_under(home)
        process.kill()
        process.wait()
    deadline = time.monotonic() + PATIENCE
    while postgres_under(home):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_two_at_once_need_two_ports_and_two_folders(home: Path) -> None:
    first, second = free_port(), free_port()
    with running("dev", "--port", str(first), "--data", "one", env=environment(), cwd=home) as process:
        wait_until_ready(f"http://127.0.0.1:{first}", process, home)
        assert refusal(home, "--port", str(first), "--data", "two") == (
            f"twokeys: Port {first} on 127.0.0.1 can't be used: address already in use. Choose another with --port"
            " (make run PORT=8001)."
        )
        assert not (home / "two").exists()
        assert "Another `twokeys dev` uses" in refusal(home, "--port", str(second), "--data", "one")
        other = home / "other"
        other.mkdir(mode=0o711)
        with running("dev", "--port", str(second), "--data", "two", env=environment(), cwd=other) as beside:
            wait_until_ready(f"http://127.0.0.1:{second}", beside, other)
            assert announced(other, "Its password") != announced(home, "Its password")


def test_a_folder_that_can_not_be_used_is_one_line(home: Path) -> None:
    (home / "file").touch()
    assert "file/d can't be used: not a directory." in refusal(home, "--data", "file/d")
    assert "can't be used: not a directory." in refusal(home, "--data", "file")
    (home / "damaged").mkdir()
    (home / "damaged" / "kept.json").write_text("{")
    assert "kept.json is damaged. Remove" in refusal(home, "--data", "damaged")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_one_line(home: Path) -> None:
    (home / "full").mkdir()
    (home / "full" / "kept.part").symlink_to("/dev/full")
    assert "no space left on device" in refusal(home, "--data", "full")


def test_it_takes_a_database_that_is_given_with_a_word(home: Path, database_url: str) -> None:
    port = free_port()
    env = over(database_url)
    with running("dev", "--port", str(port), "--use-database-url", env=env, cwd=home) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, home)
        assert postgres_under(home) == []
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, output_of(home)


def test_a_database_of_the_environment_is_left_alone(home: Path, postgres: Server) -> None:
    url = asyncio.run(postgres.create("dev_foreign"))
    try:
        port = free_port()
        with running("dev", "--port", str(port), env=over(url), cwd=home) as process:
            wait_until_ready(f"http://127.0.0.1:{port}", process, home)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0, output_of(home)
        assert asyncio.run(tables_of(url)) == []
    finally:
        asyncio.run(postgres.drop("dev_foreign"))


async def tables_of(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    finally:
        await connection.close()


def refusal(cwd: Path, *arguments: str) -> str:
    port = () if "--port" in arguments else ("--port", str(free_port()))
    done = twokeys("dev", *port, *arguments, env=environment(), cwd=cwd)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


def postgres_under(home: Path) -> list[str]:
    """The command lines of servers whose data lie below; Linux only."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in lines if str(home) in line and "postgres" in line]
