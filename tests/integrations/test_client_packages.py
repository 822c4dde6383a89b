"""The packages of clients/, built from the document and used against a running service."""

import asyncio
import base64
import hmac
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.http.openapi import VERSION
from tests.integrations.conftest import Service
from tests.support.keys import Held, a_key
from tests.support.marks import PATIENCE
from tests.support.people import PASSWORD, a_session, an_account

ROOT = Path(__file__).resolve().parents[2]
STORIES = Path(__file__).resolve().parent / "packages"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
_STORY_WITHIN = PATIENCE


def signed(event: dict[str, Any]) -> dict[str, Any]:
    """As the service signs it (Standard Webhooks)."""
    body, id, at = json.dumps(event), "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6", int(time.time())
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{id}.{at}.{body}".encode(), "sha256")).decode()
    headers = {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": f"v1,AAAA v1,{signature}"}
    return {"secret": SECRET, "headers": headers, "body": body}


def reply(question: dict[str, Any], held: Held) -> dict[str, Any]:
    if "key" in question:
        return held.key.get(question["key"])
    return signed({"type": "token.revoked", "data": {"details": {"token_id": question["revoked"]}}})


async def live(service: Service, held: Held, email: str, *command: str | Path, cwd: Path) -> dict[str, Any]:
    """Runs a story and gives it what it asks for; returns what it saw."""
    client = f"{service.introspector.id}:{service.introspector.secret}"
    run = await asyncio.create_subprocess_exec(
        *command, service.address, client, email, PASSWORD, held.registered["recovery_codes"][0],
        cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdin
    assert run.stdout
    assert run.stderr
    said: dict[str, Any] = {}
    async with asyncio.timeout(_STORY_WITHIN):
        while line := await run.stdout.readline():
            said = json.loads(line)
            if "version" not in said:
                run.stdin.write(json.dumps(reply(said, held)).encode() + b"\n")
        complaint = (await run.stderr.read()).decode()
        await run.wait()
    assert run.returncode == 0, complaint
    return said


async def someone(service: Service, served: httpx.AsyncClient, email: str) -> Held:
    """With a passkey, which is a second factor as well."""
    await an_account(service.services, email)
    return await a_key(served, await a_session(served, email), passkey=True)


SEEN = {
    "version": VERSION,
    "refused": "invalid_credentials",
    "amr": [["pwd", "recovery_code", "mfa"], ["pwd", "pop", "mfa"], ["pop", "user", "mfa"]],
    "without": [401, 401],
    "code": [200, 200, 403, 401],
    "key": [200, 200, 200, 401],
    "kept": 200,
    "forged": "refused",
    "dropped": 401,
}


@pytest.mark.anyio
@pytest.mark.system
async def test_the_python_package_logs_in_guards_and_is_told(
    service: Service, served: httpx.AsyncClient, python_package: Path
) -> None:
    email = "python-package@example.com"
    held = await someone(service, served, email)
    shutil.copy(STORIES / "story.py", python_package)
    python = python_package / ".venv" / "bin" / "python"
    assert await live(service, held, email, python, "story.py", cwd=python_package) == SEEN


@pytest.mark.anyio
@pytest.mark.system
async def test_the_typescript_package_logs_in_guards_and_is_told(
    service: Service, served: httpx.AsyncClient, typescript_package: Path
) -> None:
    email = "typescript-package@example.com"
    shutil.copy(STORIES / "story.mjs", typescript_package)
    held = await someone(service, served, email)
    assert await live(service, held, email, "node", "story.mjs", cwd=typescript_package) == SEEN


@pytest.mark.system
def test_the_python_package_is_typed(python_package: Path) -> None:
    environment = python_package / ".venv" / "bin" / "python"
    written = [str(path.relative_to(python_package)) for path in python_package.glob("twokeys_client/*.py")]
    options = ("--strict", "--config-file=", "--follow-imports=silent", "--no-incremental")
    command = [sys.executable, "-m", "mypy", *options, "--python-executable", str(environment), *written]
    done = subprocess.run(command, cwd=python_package, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout


def test_the_packages_have_the_version_of_the_wire() -> None:
    """The Python package takes it from the document when it is generated."""
    package = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == VERSION


def test_the_locks_of_the_packages_name_no_place() -> None:
    locks = [ROOT / "clients" / "python" / "requirements.txt", ROOT / "clients" / "typescript" / "package-lock.json"]
    for name in locks:
        text = name.read_text(encoding="utf-8")
        for forbidden in ("http:", "https:", "file:", "--index", "resolved", "@ "):
            assert forbidden not in text, name
