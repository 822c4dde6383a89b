"""A real `twokeys serve` with a real mail server, for programs that are not ours."""

import asyncio
import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest
from pydantic import SecretStr

from app.clients.domain import Role
from app.kernel.clock import SystemClock
from app.services import Services, build_services
from app.settings import Settings
from scripts.clients import MISSING
from tests.integrations.clients import Known, a_client
from tests.support.marks import PATIENCE
from tests.support.people import KEY
from tests.support.postgres import Server
from tests.support.receiving import MailSink
from tests.support.service import free_port, over, running, wait_until_ready

ROOT = Path(__file__).resolve().parents[2]
_MAIL_WITHIN = PATIENCE


@dataclass(frozen=True)
class Service:
    """Served by a process of its own, with the system's clock."""

    address: str
    services: Services
    """The same services in this process, over the same database."""
    sink: MailSink
    introspector: Known
    operator: Known

    async def link_for(self, email: str, page: str) -> str:
        """The secret in the newest link to this page of the console, when the mail has come."""
        pattern = re.compile(rf"#/{page}/(tk[a-z]_\S+)")
        with anyio.fail_after(_MAIL_WITHIN):
            while True:
                for message in reversed(self.sink.messages):
                    plain = message.get_body(("plain",))
                    link = pattern.search(plain.get_content()) if plain else None
                    if link and str(message["To"]) == email:
                        return link[1]
                await anyio.sleep(0.05)


@pytest.fixture(scope="package")
async def service(postgres: Server) -> AsyncIterator[Service]:
    name = "integrations"
    url = await postgres.clone(name)
    settings = Settings(database_url=SecretStr(url), secret_keys=(SecretStr(KEY),), argon2_memory_kib=1024)
    services = build_services(settings, SystemClock())
    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="twokeys-integrations-"))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    async with MailSink().running() as sink:
        params = {
            "TWOKEYS_DOCS": "true",
            "TWOKEYS_MAIL": "on",
            "TWOKEYS_PASSWORD_RESET_POLICY": "clears_two_factor_later",
            "TWOKEYS_SMTP_URL": sink.url,
            "TWOKEYS_TRUSTED_PROXIES": "127.0.0.1",
        }
        with running("serve", "--port", str(port), env=over(url, **params), cwd=home) as process:
            await asyncio.to_thread(wait_until_ready, address, process, home)
            yield Service(address, services, sink, await a_client(services), await a_client(services, Role.ADMIN))
    await services.close()
    await postgres.drop(name)


@pytest.fixture
async def served(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service that runs."""
    async with httpx.AsyncClient(base_url=service.address, timeout=PATIENCE) as client:
        yield client


def make_package(which: str, folder: Path) -> str:
    """The package in a folder of its own, and what the programs said; skips where the generators can't be had."""
    command = [sys.executable, "-m", "scripts.clients", which, "--into", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == MISSING:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _made_once(which: str, factory: pytest.TempPathFactory) -> Path:
    """By the first process of the run that needs it; the others wait."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / f"{which}-package"
    with (shared / f"{which}-package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made"
        if not made.exists():
            made.write_text(make_package(which, folder))
    return folder / which


def output_of(package: Path) -> str:
    """What the programs said that made it."""
    return package.with_name("made").read_text()


@pytest.fixture(scope="session")
def python_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clients/python with what is generated, and the environment `.venv` that has what it needs."""
    return _made_once("python", tmp_path_factory)


@pytest.fixture(scope="session")
def typescript_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clients/typescript, compiled, with all of its packages."""
    return _made_once("typescript", tmp_path_factory)
