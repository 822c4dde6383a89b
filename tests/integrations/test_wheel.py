"""The wheel in an environment that has nothing else: what `pip install` gives runs by itself."""

import asyncio
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.database.migrations import newest_revision
from tests.integrations.test_generated_clients import install, must
from tests.support.marks import PATIENCE
from tests.support.postgres import Server
from tests.support.service import environment, free_port, output_of, over, running, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    must(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder with a short path that the embedded server's user can enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="twokeys-wheel-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def program(wheel: Path, home: Path) -> str:
    """The `twokeys` that was installed, in the versions that are tested."""
    uv, python = Path(sys.executable).with_name("uv"), home / "env" / "bin" / "python"
    install(uv, "venv", "--quiet", "--python", sys.executable, home / "env", cwd=home)
    package = f"twokeys[development] @ {wheel.as_uri()}"
    tested = ROOT / "requirements" / "dev.txt"
    install(uv, "pip", "install", "--quiet", "--python", python, "--constraint", tested, package, cwd=home)
    return str(python.with_name("twokeys"))


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    yield asyncio.run(postgres.create("wheel"))
    asyncio.run(postgres.drop("wheel"))


def without_the_tree(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "PYTHONPATH"}


def test_it_carries_everything_of_the_tree_under_one_name(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("twokeys-")}
    app = {path.relative_to(ROOT) for path in (ROOT / "app").rglob("*")}
    migrations = {"app" / path.relative_to(ROOT) for path in (ROOT / "migrations").rglob("*")}
    files = {path for path in app | migrations if path.suffix and "__pycache__" not in path.parts}
    assert {name for name in carried if not name.startswith("app/")} == set()
    assert {path.as_posix() for path in files} == carried


def test_it_migrates_a_database_and_serves_it(program: str, home: Path, empty_database: str) -> None:
    port, env = free_port(), without_the_tree(over(empty_database))
    assert must(program, "--version", cwd=home).split() == ["twokeys", __version__]
    assert newest_revision() in must(program, "migrate", cwd=home, **env)
    with running("serve", "--port", str(port), env=env, cwd=home, program=[program]) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, home)
        assert httpx.get(f"{address}/console/", timeout=PATIENCE).status_code == httpx.codes.OK
        assert httpx.get(f"{address}/v1/config", timeout=PATIENCE).json()["issuer"] == "Twokeys"


def test_dev_needs_nothing_but_the_wheel(program: str, home: Path) -> None:
    port, env = free_port(), without_the_tree(environment())
    with running("dev", "--port", str(port), "--data", "d", env=env, cwd=home, program=[program]) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, home)
        password = re.search(r"Its password +(\S+)", output_of(home))
        assert password, output_of(home)
        body = {"email": "demo@example.com", "password": password[1]}
        assert httpx.post(f"{address}/v1/login", json=body, timeout=PATIENCE).json()["status"] == "authenticated"
        assert httpx.get(f"{address}/mailbox/", timeout=PATIENCE).status_code == httpx.codes.OK
        process.terminate()
        assert process.wait(PATIENCE) == 0, output_of(home)
