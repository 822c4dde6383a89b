"""Release 0.1 and this one over one database: its accounts log in unchanged, and each side sees what the other did."""

import asyncio
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.database.migrations import migrate
from tests.support.keys import SoftwareKey, a_key
from tests.support.marks import PATIENCE
from tests.support.people import PASSWORD, bearer, totp_code
from tests.support.postgres import Server
from tests.support.service import free_port, output_of, over, running, twokeys, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

_BEFORE = "d0c402c0b25d39a3eb464cf4e039df3b8fb8ec15"
_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    """The tree of release 0.1, out of the repository's history."""
    archive = subprocess.run(["git", "archive", _BEFORE], cwd=_ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip("the history of the repository is not here")
    folder = tmp_path / "before"
    folder.mkdir()
    # Not by `tarfile`, which can do this safely only from Python 3.11.4 on.
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    yield asyncio.run(postgres.create("two_releases"))
    asyncio.run(postgres.drop("two_releases"))


@contextmanager
def served(tree: Path, url: str, folder: Path) -> Iterator[str]:
    """`serve` of the release that lies in this folder; yields its address."""
    folder.mkdir()
    port = free_port()
    env = over(url) | {"PYTHONPATH": str(tree)}
    with running("serve", "--port", str(port), env=env, cwd=folder) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, folder)
        yield address
        assert "Traceback" not in output_of(folder)


def now_code(secret: str, *, steps: int = 0) -> str:
    return totp_code(secret, datetime.now(UTC), steps=steps)


async def json_of(request: Any, status: int = 200) -> dict[str, Any]:
    answer = await request
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def log_in(api: httpx.AsyncClient, email: str, **more: str) -> Any:
    return api.post("/v1/login", json={"email": email, "password": PASSWORD, **more})


async def enrolled(api: httpx.AsyncClient, email: str) -> tuple[str, str, list[str]]:
    """Turned on by the code of the present step: the session, the secret, the recovery codes."""
    token = (await json_of(log_in(api, email)))["access_token"]
    begun = api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=bearer(token))
    secret = (await json_of(begun, 201))["secret"]
    confirming = api.post("/v1/me/2fa/confirm", json={"code": now_code(secret)}, headers=bearer(token))
    body = await json_of(confirming)
    return body["grant"]["access_token"], secret, body["recovery_codes"]


async def test_an_account_of_the_release_before_goes_on(empty: str, release_before: Path, tmp_path: Path) -> None:
    env = over(empty) | {"PYTHONPATH": str(release_before)}
    made = await asyncio.to_thread(twokeys, "migrate", env=env, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    for name in ("ada", "eve", "joy", "kim"):
        create = ("accounts", "create", f"{name}@example.com", "--password-stdin")
        made = await asyncio.to_thread(twokeys, *create, env=env, cwd=tmp_path, stdin=PASSWORD)
        assert made.returncode == 0, made.stderr
    with served(release_before, empty, tmp_path / "one") as old_address:
        async with httpx.AsyncClient(base_url=old_address, timeout=PATIENCE) as old:
            ada, ada_secret, ada_codes = await enrolled(old, "ada@example.com")
            stop, busy = asyncio.Event(), []

            async def stay_busy() -> None:
                """Nobody is refused while the schema moves on. Log-ins are counted by address, so each has its own."""
                for host in itertools.cycle(range(1, 255)):
                    if stop.is_set():
                        return
                    way = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{host}")
                    async with httpx.AsyncClient(base_url=old_address, transport=way, timeout=PATIENCE) as caller:
                        busy.append((await log_in(caller, "joy@example.com")).status_code)
                        busy.append((await caller.get("/v1/me", headers=bearer(ada))).status_code)

            working = asyncio.create_task(stay_busy())
            await migrate(empty)
            stop.set()
            await working
            assert set(busy) == {200}
            with served(_ROOT, empty, tmp_path / "two") as new_address:
                async with httpx.AsyncClient(base_url=new_address, timeout=PATIENCE) as new:
                    # The session, the device and the recovery codes of before are good here.
                    shown = await json_of(new.get("/v1/me/2fa/authenticators", headers=bearer(ada)))
                    assert [each["name"] for each in shown["items"]] == ["Authenticator app"]
                    code = now_code(ada_secret, steps=1)
                    granted = await json_of(log_in(new, "ada@example.com", code=code))
                    assert granted["status"] == "authenticated"
                    # A code counts once, whichever release took it.
                    await json_of(log_in(old, "ada@example.com", code=code), 401)
                    await json_of(log_in(old, "ada@example.com", code=ada_codes[0]))
                    await json_of(log_in(new, "ada@example.com", code=ada_codes[0]), 401)
                    # Turned on there, it is on here; and the other way round, with a key as well.
                    _, eve_secret, _ = await enrolled(old, "eve@example.com")
                    assert (await json_of(log_in(new, "eve@example.com")))["status"] == "two_factor_required"
                    await json_of(log_in(new, "eve@example.com", code=now_code(eve_secret, steps=1)))
                    joy = (await json_of(log_in(new, "joy@example.com")))["access_token"]
                    held = await a_key(new, joy, SoftwareKey(origin="http://127.0.0.1:8000"))
                    asked = await json_of(log_in(old, "joy@example.com"))
                    assert asked["status"] == "two_factor_required", "a password alone never does"
                    codes = held.registered["recovery_codes"]
                    by_old = (await json_of(log_in(old, "joy@example.com", code=codes[0])))["access_token"]
                    # Turned off there, it is off here.
                    off = old.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(by_old))
                    await json_of(off)
                    assert (await json_of(log_in(new, "joy@example.com")))["status"] == "authenticated"
                    # A replica of the release before can still start.
                    kim = (await json_of(log_in(new, "kim@example.com")))["access_token"]
                    await a_key(new, kim, SoftwareKey(origin="http://127.0.0.1:8000"))
                    with served(release_before, empty, tmp_path / "three"):
                        pass
