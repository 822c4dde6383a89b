"""A made-up company moves in by one command, and out again into an empty database."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import bcrypt
import httpx
import pyotp
import pytest
from django.conf import settings as django_settings
from django.contrib.auth import hashers as django
from passlib import hash as passlib
from werkzeug.security import generate_password_hash

from app.kernel.clock import SystemClock
from app.main import create_app
from tests.conftest import SetClock
from tests.imports.firebase import firebase_password, parameters
from tests.imports.lines import an_app, ndjson
from tests.support.marks import LONG
from tests.support.people import STEP, quick_settings, totp_code
from tests.support.postgres import Server
from tests.support.service import over, twokeys

if not django_settings.configured:
    django_settings.configure()

PEOPLE = 1000 if LONG else 48


def _passlib(name: str, **settings: int) -> Callable[[str], dict[str, Any]]:
    return lambda password: {"hash": getattr(passlib, name).using(**settings).hash(password)}


def _sha256(password: str) -> dict[str, Any]:
    return {
        "scheme": "sha256",
        "hash": hashlib.sha256(password.encode() + b"pepper").hexdigest(),
        "salt": "pepper",
        "salt_position": "suffix",
    }


FORMATS: dict[str, Callable[[str], dict[str, Any]]] = {
    "bcrypt": lambda password: {"hash": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()},
    "django_pbkdf2_sha256": lambda password: {"hash": django.PBKDF2PasswordHasher().encode(password, "salt", 9)},
    "werkzeug_scrypt": lambda password: {"hash": generate_password_hash(password, "scrypt:512:8:1")},
    "sha512_crypt": _passlib("sha512_crypt", rounds=1000),
    "phpass": _passlib("phpass", rounds=7),
    "ssha512": _passlib("ldap_salted_sha512"),
    "sha256": _sha256,
    "firebase_scrypt": firebase_password,
}


@dataclass(frozen=True)
class Person:
    number: int
    scheme: str
    secret: str | None

    @property
    def email(self) -> str:
        return f"person{self.number}@example.com"

    @property
    def password(self) -> str:
        return f"the password of person {self.number}"

    def line(self) -> dict[str, Any]:
        line = {
            "external_id": f"u-{self.number}",
            "email": self.email,
            "created_at": "2019-05-01T00:00:00Z",
            "email_verified": True,
            "password": FORMATS[self.scheme](self.password),
        }
        return line | ({"two_factor": {"totp": [an_app(self.secret)]}} if self.secret else {})


def _people() -> list[Person]:
    schemes = list(FORMATS)
    return [
        Person(number, schemes[number % len(schemes)], pyotp.random_base32() if number % 3 == 0 else None)
        for number in range(PEOPLE)
    ]


class Moving:
    """The commands over one database, and the service beside them."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self.clock = SetClock(SystemClock().now())

    async def run(self, *arguments: str, stdin: str = "") -> CompletedProcess[str]:
        return await asyncio.to_thread(twokeys, *arguments, env=over(self._url), cwd=self._folder, stdin=stdin)

    async def results(self, file: Path, *options: str) -> tuple[int, dict[str, int]]:
        done = await self.run("accounts", "import", str(file), "--json", *options)
        total: dict[str, int] = json.loads(done.stdout.splitlines()[-1])["total"]
        return done.returncode, {result: count for result, count in total.items() if count}

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.run("accounts", "import", "--status", "--json")).stdout)
        return found

    @asynccontextmanager
    async def service(self) -> AsyncIterator[httpx.AsyncClient]:
        settings = quick_settings(self._url, run_worker=False, console=False, requests_per_client_minute=10**6)
        app = create_app(settings, self.clock)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 40000))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as api,
        ):
            yield api

    async def log_in(self, api: httpx.AsyncClient, person: Person) -> str:
        """The first wrong thing that is found."""
        body = {"email": person.email, "password": person.password}
        wrong = await api.post("/v1/login", json=body | {"password": "wrong"})
        right = await api.post("/v1/login", json=body)
        if wrong.status_code != 401:
            return "a wrong password was right"
        if person.secret is None:
            return "" if right.json().get("status") == "authenticated" else right.text
        code = totp_code(person.secret, self.clock.now())
        challenge = right.json().get("challenge", "")
        answer = await api.post("/v1/login/two-factor", json={"challenge": challenge, "code": code})
        return "" if answer.json().get("status") == "authenticated" else answer.text

    async def log_in_all(self, people: list[Person]) -> dict[str, str]:
        # The commands have the machine's clock, and spend the step of an import.
        self.clock = SetClock(SystemClock().now() + STEP)
        async with self.service() as api:
            wrong = {person.scheme: await self.log_in(api, person) for person in people}
        return {scheme: problem for scheme, problem in wrong.items() if problem}


@pytest.fixture
def moving(database_url: str, tmp_path: Path) -> Moving:
    return Moving(database_url, tmp_path)


@pytest.fixture
async def elsewhere(postgres: Server, database_url: str, tmp_path: Path) -> AsyncIterator[Moving]:
    """An empty database beside the first one."""
    name = f"{database_url.rpartition('/')[2].partition('?')[0]}_elsewhere"
    yield Moving(await postgres.clone(name), tmp_path)
    await postgres.drop(name)


@pytest.fixture
def people() -> list[Person]:
    return _people()


@pytest.fixture
def file(tmp_path: Path, people: list[Person]) -> Path:
    path = tmp_path / "people.ndjson"
    path.write_bytes(ndjson({"firebase": parameters()}, *(person.line() for person in people)))
    return path


async def test_a_company_moves_in_and_its_old_hashes_go(moving: Moving, people: list[Person], file: Path) -> None:
    assert await moving.results(file, "--dry-run") == (0, {"would_create": PEOPLE})
    assert await moving.results(file) == (0, {"created": PEOPLE})
    assert await moving.results(file) == (0, {"unchanged": PEOPLE})
    status = await moving.status()
    assert (status["accounts"], status["never_logged_in"]) == (PEOPLE, PEOPLE)
    assert status["by_scheme"] == {scheme: PEOPLE // len(FORMATS) for scheme in sorted(FORMATS)}

    assert await moving.log_in_all(people) == {}

    assert await moving.status() == {"accounts": PEOPLE, "never_logged_in": 0, "by_scheme": {}}
    assert await moving.results(file) == (0, {"unchanged": PEOPLE})


async def test_what_is_exported_moves_in_elsewhere(
    moving: Moving, elsewhere: Moving, people: list[Person], file: Path, tmp_path: Path
) -> None:
    await moving.results(file)
    upgraded, others = people[: PEOPLE // 2], people[PEOPLE // 2 :]
    assert await moving.log_in_all(upgraded) == {}

    exported = await moving.run("accounts", "export", "--with-secrets")
    again = tmp_path / "again.ndjson"
    again.write_text(exported.stdout)

    assert await elsewhere.results(again) == (0, {"created": PEOPLE})
    assert (await elsewhere.status())["by_scheme"] == (await moving.status())["by_scheme"]
    assert await elsewhere.log_in_all(upgraded + others) == {}


async def test_an_export_without_secrets_has_none(moving: Moving, people: list[Person], file: Path) -> None:
    await moving.results(file)

    lines = [json.loads(line) for line in (await moving.run("accounts", "export")).stdout.splitlines()]

    assert {tuple(sorted(line)) for line in lines} == {
        ("created_at", "email", "email_verified", "external_id", "status")
    }
    assert {line["external_id"] for line in lines} == {f"u-{person.number}" for person in people}


async def test_a_refused_line_is_told_and_exits_with_1(moving: Moving, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(
        ndjson({"email": "ada@example.com"}, b"x" * 200_000, {"email": "none"}, {"email": "b@example.com"})
    )

    done = await moving.run("accounts", "import", str(file))

    assert done.returncode == 1
    assert "line 2:" in done.stdout
    assert "[line_too_long]" in done.stdout
    assert "line 3: /email" in done.stdout
    assert done.stderr.splitlines()[-1] == "twokeys: 2 lines were refused."
    assert (await moving.status())["accounts"] == 2


async def test_lines_come_from_standard_input_as_well(moving: Moving) -> None:
    done = await moving.run("accounts", "import", "-", "--json", stdin=ndjson({"email": "ada@example.com"}).decode())

    assert (done.returncode, json.loads(done.stdout.splitlines()[0])["result"]) == (0, "created")


async def test_firebase_parameters_come_from_a_file_as_well(moving: Moving, tmp_path: Path) -> None:
    config, file = tmp_path / "firebase.json", tmp_path / "people.ndjson"
    config.write_text(json.dumps(parameters()))
    person = Person(1, "firebase_scrypt", None)
    file.write_bytes(ndjson(person.line()))

    assert await moving.results(file) == (1, {"refused": 1})
    assert await moving.results(file, "--firebase-config", str(config)) == (0, {"created": 1})
    assert await moving.log_in_all([person]) == {}


async def test_right_firebase_parameters_mend_wrong_ones(moving: Moving, tmp_path: Path) -> None:
    file, person = tmp_path / "people.ndjson", Person(1, "firebase_scrypt", None)
    wrong = parameters(signer_key="A" * 86 + "==")
    file.write_bytes(ndjson({"firebase": wrong}, person.line()))
    await moving.results(file)
    assert await moving.log_in_all([person]) != {}

    file.write_bytes(ndjson({"firebase": parameters()}, person.line()))

    assert await moving.results(file) == (0, {"updated": 1})
    assert await moving.log_in_all([person]) == {}


@pytest.mark.parametrize(
    "arguments",
    [(), ("no-such-file",), ("x", "--status"), ("--firebase-config", "no-such-file", "x")],
)
async def test_a_wrong_call_is_refused(moving: Moving, arguments: tuple[str, ...]) -> None:
    done = await moving.run("accounts", "import", *arguments)

    assert done.returncode in {1, 2}
    assert done.stdout == ""
