"""Clients that are generated from openapi/openapi.json alone, in environments of their own, living the whole story."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from tests.integrations.conftest import Service, output_of
from tests.integrations.pages import marked
from tests.support.answers import granted
from tests.support.keys import SoftwareKey, b64
from tests.support.marks import PATIENCE, missing
from tests.support.people import bearer

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi" / "openapi.json"
HERE = Path(__file__).resolve().parent / "generated"
# Programs that run for seconds are done sooner without the compiler for those that run for hours.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
JAVA = ("java", *QUICK)
_INSTALLS_WITHIN = 240
_STORY_WITHIN = PATIENCE


def install(*command: str | Path, cwd: Path) -> None:
    """Skips where the packages can't be had: no network, or no program to fetch them."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALLS_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{command[0]} can't be run: {error}")
    if done.returncode:
        result = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        pytest.skip(f"{Path(command[0]).name} could not install the client's packages: {result[-1]}")


def must(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What the command said."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def python_client(python_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `twokeys_client` as it was generated, the story, and the environment `.venv` that runs it."""
    folder = tmp_path_factory.mktemp("python-client")
    (folder / "twokeys_client").symlink_to(python_package / "twokeys_client" / "wire")
    (folder / ".venv").symlink_to(python_package / ".venv")
    shutil.copy(HERE / "python" / "story.py", folder)
    return folder


@pytest.fixture(scope="module")
def typescript_client(typescript_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `twokeys.d.ts` as it was generated, the story, compiled, and the packages that run it."""
    folder = tmp_path_factory.mktemp("typescript-client")
    shutil.copytree(HERE / "typescript", folder, dirs_exist_ok=True)
    shutil.copy(typescript_package / "src" / "wire.ts", folder / "twokeys.d.ts")
    (folder / "node_modules").symlink_to(typescript_package / "node_modules")
    must(folder / "node_modules" / ".bin" / "tsc", cwd=folder)
    return folder


@dataclass
class Outside:
    """What a story asks for: a key's part, or a link out of a mail."""

    service: Service
    keys: dict[str, SoftwareKey] = field(default_factory=dict)

    async def answer(self, question: dict[str, Any]) -> Any:
        if "link" in question:
            return await self.service.link_for(question["to"], question["link"])
        if "create" in question:
            key = SoftwareKey()
            self.keys[b64(key.credential_id)] = key
            return key.create(question["create"])
        allowed = [each["id"] for each in question["get"].get("allowCredentials", ())]
        # The first of them is a security key; where none is named, the browser offers its passkey, the last.
        return self.keys[min(allowed, key=[*self.keys].index) if allowed else [*self.keys][-1]].get(question["get"])


async def live(service: Service, email: str, *command: str | Path, cwd: Path) -> dict[str, Any]:
    """Runs a story and gives it what it asks for; returns what it saw."""
    credentials = [f"{client.id}:{client.secret}" for client in (service.operator, service.introspector)]
    run = await asyncio.create_subprocess_exec(
        *command, service.address, *credentials, email,
        cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdin
    assert run.stdout
    assert run.stderr
    outside, said = Outside(service), dict[str, Any]()
    async with asyncio.timeout(_STORY_WITHIN):
        while line := await run.stdout.readline():
            said = json.loads(line)
            if "account" not in said:
                run.stdin.write(json.dumps(await outside.answer(said)).encode() + b"\n")
        complaint = (await run.stderr.read()).decode()
        await run.wait()
    assert run.returncode == 0, complaint
    return said


async def was_lived(served: httpx.AsyncClient, message: dict[str, Any], email: str) -> None:
    me = granted(await served.get("/v1/me", headers=bearer(message["token"])))
    assert (me["id"], me["email"], me["two_factor"]["status"]) == (message["account"], email, "enabled")
    assert (message["acr"], message["disabled"], message["reset"]) == ("aal2", "disabled", "clearing")
    assert message["moved"] == f"moved-{email}"
    assert message["amr"] == [["pwd", "pop", "mfa"], ["pop", "user", "mfa"], ["pwd", "pop", "mfa"]]
    assert message["events"] == [
        "two_factor.disabled",
        "token.revoked",
        "token.created",
        "token.revoked",
        *["login.succeeded"] * 2,
        *["token.revoked", "authenticator.added"] * 2,
        "login.succeeded",
        "two_factor.enabled",
        "two_factor.code_refused",
        "two_factor.enrollment_started",
        "login.succeeded",
        "account.created",
    ]


@pytest.mark.anyio
@pytest.mark.system
async def test_a_python_client_lives_the_whole_story(
    service: Service, served: httpx.AsyncClient, python_client: Path
) -> None:
    email = "python@example.com"
    message = await live(service, email, python_client / ".venv" / "bin" / "python", "story.py", cwd=python_client)
    await was_lived(served, message, email)


@pytest.mark.system
def test_the_python_client_has_every_call_but_one(python_package: Path) -> None:
    """The generator knows no NDJSON, and leaves out the call whose body is that."""
    warnings = [line.split("within")[0] for line in output_of(python_package).splitlines() if "WARNING" in line]
    assert warnings == ["WARNING parsing POST /v1/admin/imports "]


@pytest.mark.system
def test_the_python_client_is_typed(python_client: Path) -> None:
    """Strictly, but for its `client.py`, which the generator writes from nothing of ours."""
    checked = ("story.py", "twokeys_client/api", "twokeys_client/models")
    strictly = ("--strict", "--config-file=", "--follow-imports=silent", "--no-incremental")
    environment = python_client / ".venv" / "bin" / "python"
    must(sys.executable, "-m", "mypy", *strictly, "--python-executable", environment, *checked, cwd=python_client)


@pytest.mark.anyio
@pytest.mark.system
async def test_a_typescript_client_lives_the_whole_story(
    service: Service, served: httpx.AsyncClient, typescript_client: Path
) -> None:
    email = "typescript@example.com"
    await was_lived(served, await live(service, email, "node", "story.js", cwd=typescript_client), email)


@dataclass(frozen=True)
class OpenapiGenerator:
    """A folder with the clients `python` and `java`, and the Python of an environment; its program has libraries."""

    folder: Path
    python: Path
    jar: Path


@pytest.fixture(scope="module")
def openapi_generator(tmp_path_factory: pytest.TempPathFactory) -> OpenapiGenerator:
    folder = tmp_path_factory.mktemp("openapi-generator")
    if shutil.which("javac") is None:
        pytest.skip("a JDK is not installed")
    uv, python = Path(sys.executable).with_name("uv"), folder / "env" / "bin" / "python"
    install(uv, "venv", "--quiet", "--python", sys.executable, folder / "env", cwd=folder)
    locked = HERE / "openapi-generator" / "requirements.txt"
    install(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, locked, cwd=folder)
    (jar,) = folder.glob("env/lib/python*/site-packages/openapi_generator_cli/openapi-generator.jar")
    # By one run, which reads the document for both.
    plain = {"library": "native", "openApiNullable": "false", "useJakartaEe": "false"}
    for name, properties in {"python": {}, "java": plain}.items():
        client = {"generatorName": name, "inputSpec": str(DOCUMENT), "outputDir": str(folder / name)}
        (folder / f"{name}.json").write_text(json.dumps({**client, "additionalProperties": properties}))
    must(*JAVA, "-jar", jar, "batch", "--fail-fast", "python.json", "java.json", cwd=folder)
    return OpenapiGenerator(folder, python, jar)


@pytest.mark.anyio
@pytest.mark.system
async def test_openapi_generators_python_client_reads_every_answer(
    service: Service, openapi_generator: OpenapiGenerator
) -> None:
    client = openapi_generator.folder / "python"
    shutil.copy(HERE / "openapi-generator" / "story.py", client)
    credentials = [f"{client.id}:{client.secret}" for client in (service.operator, service.introspector)]
    command = [openapi_generator.python, "story.py", service.address, *credentials, "generator@example.com"]
    run = await anyio.run_process([str(each) for each in command], cwd=client, check=False)
    assert run.returncode == 0, run.stderr.decode()
    told = json.loads(run.stdout)
    assert told.pop("account")
    assert told == {"same": True, "active": True, "sessions": 1, "refused": "invalid_credentials", "dead": False}


@pytest.mark.system
def test_openapi_generators_java_client_compiles(openapi_generator: OpenapiGenerator) -> None:
    """Against the libraries inside the generator, which has nearly all that its client needs."""
    folder, jar = openapi_generator.folder, openapi_generator.jar
    sources = [*folder.glob("java/src/main/**/*.java"), *(HERE / "openapi-generator" / "java").glob("*.java")]
    javac = ("javac", *(f"-J{option}" for option in QUICK), "-nowarn")
    must(*javac, "-cp", jar, "-d", folder / "classes", *sources, cwd=folder)
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    answers = document["paths"]["/v1/introspect"]["post"]["responses"]["200"]["content"]["application/json"]
    answer = answers["examples"]["ActiveToken"]["value"]
    command = [*JAVA, "-cp", f"{jar}{os.pathsep}{folder / 'classes'}", "Story", json.dumps(answer)]
    read = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert read.stdout == f"true {answer['sub']} {answer['acr']}\n", read.stderr


def npm_environment(folder: Path, name: str) -> Path:
    """Where its programs are, which start sooner than by npx."""
    if shutil.which("npm") is None:
        pytest.skip(missing("npm"))
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
    install("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
    return folder / "node_modules" / ".bin"


@pytest.mark.system
def test_hey_apis_client_is_typed(tmp_path: Path) -> None:
    programs = npm_environment(tmp_path, "hey-api")
    must(programs / "openapi-ts", "-i", DOCUMENT, "-o", "client", cwd=tmp_path)
    must(programs / "tsc", cwd=tmp_path)


@pytest.mark.system
def test_redocly_finds_no_fault_in_the_document(tmp_path: Path) -> None:
    programs = npm_environment(tmp_path, "redocly")
    must(programs / "redocly", "lint", DOCUMENT, cwd=tmp_path, REDOCLY_TELEMETRY="off")


@pytest.mark.parametrize(("mark", "story"), [("python", "python/story.py"), ("typescript", "typescript/story.ts")])
def test_the_page_shows_what_the_stories_do(mark: str, story: str) -> None:
    """Piece by piece, as it stands there."""
    message = (HERE / story).read_text(encoding="utf-8")
    for piece in marked("how-to/clients.md", mark).split("\n\n"):
        assert piece.strip() in message


def test_no_lock_names_a_place_to_get_packages_from() -> None:
    locks = [*HERE.glob("*/requirements.txt"), *HERE.glob("*/package*.json")]
    assert len(locks) >= 5
    for name in locks:
        text = name.read_text(encoding="utf-8")
        for forbidden in ("http:", "https:", "file:", "--index", "resolved", "@ "):
            assert forbidden not in text, name
