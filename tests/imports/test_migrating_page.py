"""The programs on docs/tutorials/move-in.md, run as they stand over what those systems keep."""

import base64
import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import bcrypt
import pytest
from argon2.low_level import Type, hash_secret_raw

from app.accounts.domain import read_address
from app.imports.domain import Candidate
from app.imports.lines import LineContext, read_candidate
from app.security.foreign_hashes.fast import Digest, Phpass
from app.security.foreign_hashes.firebase import FirebaseProject, parse_project
from app.two_factor import totp
from tests.imports.firebase import parameters
from tests.support.marks import needs
from tests.support.postgres import program

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "move-in.md").read_text(encoding="utf-8")
EXPORTS = Path(__file__).parent / "exports"
PASSWORD, SALT = "the password of ada", b"0123456789abcdef"
LATER = datetime(2027, 1, 1, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

needs_jq = needs("jq")
pytestmark = pytest.mark.system


def _section(system: str) -> str:
    return PAGE.partition(f"## From {system}\n")[2].partition("\n## ")[0]


def _program(system: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", _section(system), re.DOTALL)
    assert found is not None
    return found[1]


def _run(command: str, folder: Path, *, over: str = "") -> Sequence[dict[str, Any]]:
    """The lines of people.ndjson, which the page's command makes before it calls ours."""
    psql = f"{shlex.quote(str(program('psql')))} -At {shlex.quote(over)}"
    command = re.sub(r"psql -At \S+", lambda _: psql, command.partition("twokeys")[0])
    command = re.sub(r"^python ", lambda _: f"{shlex.quote(sys.executable)} ", command)
    done = subprocess.run(["bash", "-euc", command], cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in (folder / "people.ndjson").read_text().splitlines()]


def _read(line: dict[str, Any], project: FirebaseProject | None = None) -> Candidate:
    return read_candidate(1, line, LineContext(LATER, read_address, project))


def _is_password(candidate: Candidate, password: str = PASSWORD) -> bool:
    found = candidate.password
    if isinstance(found, Digest | Phpass):
        return found.digest(password.encode()) == found.value
    return bool(found and found.verify(password.encode()))  # type: ignore[union-attr]


async def _fill(url: str, system: str) -> None:
    """With the tables of that system."""
    script = (EXPORTS / f"{system}.sql").read_text()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def test_people_of_django_move(tmp_path: Path) -> None:
    shutil.copy(EXPORTS / "manage.py", tmp_path)
    (tmp_path / "export_people.py").write_text(_program("Django", "python"))
    made = (EXPORTS / "people_of_django.py").read_text()
    subprocess.run([sys.executable, "manage.py", "shell", "-v", "0", "-c", made], cwd=tmp_path, check=True)

    lines = _run(_program("Django", "sh"), tmp_path)
    people = [_read(line) for line in lines]

    assert [person.address.text.partition("@")[0] for person in people] == ["pbkdf2", "scrypt", "argon2", "md5", "none"]
    assert [_is_password(person) for person in people] == [True, True, True, True, False]
    assert [person.status.value for person in people[-2:]] == ["active", "disabled"]
    assert [app.secret for app in people[0].apps] == [SECRET]


@needs("php")
def test_people_of_laravel_move(tmp_path: Path) -> None:
    """Its hashes are those of PHP itself."""
    (tmp_path / "export_people.php").write_text(_program("Laravel", "php"))
    shutil.copy(EXPORTS / "laravel.php", tmp_path)

    ada, other = map(_read, _run("php laravel.php > people.ndjson", tmp_path))

    assert _is_password(ada)
    assert (ada.email_verified, other.email_verified) == (True, False)
    assert [app.secret for app in ada.apps] == [SECRET]
    assert (other.password, other.apps) == (None, ())


@needs_jq
def test_people_of_auth0_move(tmp_path: Path) -> None:
    user = {"_id": {"$oid": "5"}, "email": "a@example.com", "email_verified": True, "passwordHash": BCRYPT}
    (tmp_path / "auth0.ndjson").write_text(json.dumps(user))

    [line] = _run(_program("Auth0", "sh"), tmp_path)

    assert (line["external_id"], line["email_verified"]) == ("auth0|5", True)
    assert _is_password(_read(line))


@needs_jq
def test_people_of_firebase_move(tmp_path: Path) -> None:
    """With the hash that Firebase published."""
    users = [
        {"localId": "a", "email": "a@example.com", "emailVerified": True, "createdAt": "1556668800123",
         "passwordHash": "lSrfV15cpx95_sZS2W9c9Kp6i_LVgQNDNC_qzrCnh1SAyZvqmZqAjTdn3aoItz-VHjoZilo78198JAdRuid5lQ==",
         "salt": "42xEC-ixf3L2lw=="},
        {"localId": "b"},
        {"localId": "c", "email": "c@example.com", "emailVerified": False, "createdAt": "1556668800123",
         "disabled": True},
    ]  # fmt: skip
    (tmp_path / "users.json").write_text(json.dumps({"users": users}))

    command = _program("Firebase", "sh").replace("firebase auth:export users.json --format=json", "")
    lines = _run(command, tmp_path)

    found = {name.removeprefix("base64_"): value for name, value in parameters(mem_cost=14).items()}
    first, second = [_read(line, parse_project("one", **found)) for line in lines]  # type: ignore[arg-type]
    assert _is_password(first, "user1password")
    assert first.created_at == datetime(2019, 5, 1, tzinfo=UTC)
    assert (second.external_id, second.status.value, second.password) == ("c", "disabled", None)


def _keycloak_password(algorithm: str, iterations: int, value: bytes, **more: list[str]) -> tuple[str, object, object]:
    secret = {"value": base64.b64encode(value).decode(), "salt": base64.b64encode(SALT).decode()}
    data = {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": more}
    return "password", secret, data


def _keycloak_app(secret: str, **more: object) -> tuple[str, object, object]:
    data = {"subType": "totp", "digits": 6, "counter": 0, "period": 30, "algorithm": "HmacSHA1"} | more
    return "otp", {"value": secret}, data


async def test_people_of_keycloak_move(database_url: str, tmp_path: Path) -> None:
    secret, raw = PASSWORD.encode(), hash_secret_raw(PASSWORD.encode(), SALT, 2, 64, 1, 32, Type.ID)
    people: dict[str, list[tuple[str, object, object]]] = {
        "sha1": [_keycloak_password("pbkdf2", 27, hashlib.pbkdf2_hmac("sha1", secret, SALT, 27, 64))],
        "sha512": [
            _keycloak_password("pbkdf2-sha512", 21, hashlib.pbkdf2_hmac("sha512", secret, SALT, 21, 64)),
            _keycloak_app("twenty bytes of text"),
            _keycloak_app(SECRET, secretEncoding="BASE32"),
        ],
        "argon2": [
            _keycloak_password("argon2", 2, raw, type=["id"], memory=["64"], parallelism=["1"]),
            _keycloak_app("twenty bytes of text", digits=8),
        ],
        "none": [],
    }
    await _fill(database_url, "keycloak")
    connection = await asyncpg.connect(database_url)
    for name, credentials in people.items():
        person = (name, f"{name}@example.com", True, name != "none", "realm", 1556668800123)
        await connection.execute("INSERT INTO user_entity VALUES ($1, $2, $3, $4, $5, $6)", *person)
        for number, (kind, hidden, data) in enumerate(credentials):
            row = (f"{name}{number}", kind, name, json.dumps(hidden), json.dumps(data))
            await connection.execute(
                "INSERT INTO credential (id, type, user_id, secret_data, credential_data) VALUES ($1, $2, $3, $4, $5)",
                *row,
            )
    await connection.close()

    (tmp_path / "keycloak_to_lines.py").write_text(_program("Keycloak", "python"))
    lines = _run(_program("Keycloak", "sh").replace("…", "realm"), tmp_path, over=database_url)
    found = {line["external_id"]: _read(line) for line in lines}

    assert {name: _is_password(person) for name, person in found.items()} == {name: name != "none" for name in people}
    assert [app.secret for app in found["sha512"].apps] == [base64.b32encode(b"twenty bytes of text").decode(), SECRET]
    assert found["argon2"].two_factor_result == "unsupported"
    assert found["none"].status.value == "disabled"
    assert found["sha1"].created_at == datetime(2019, 5, 1, 0, 0, 0, 123000, tzinfo=UTC)


async def test_people_of_kratos_move(database_url: str, tmp_path: Path) -> None:
    await _fill(database_url, "kratos")

    first, second = map(_read, _run(_program("Ory Kratos", "sh"), tmp_path, over=database_url))

    assert _is_password(first)
    assert [app.secret for app in first.apps] == [SECRET]
    assert (first.email_verified, first.status.value) == (True, "active")
    assert (second.email_verified, second.status.value, second.password, second.apps) == (False, "disabled", None, ())


async def test_people_of_supabase_move(database_url: str, tmp_path: Path) -> None:
    await _fill(database_url, "supabase")
    command = _program("Supabase", "sh")

    first, second = map(_read, _run(command, tmp_path, over=database_url))

    assert _is_password(first)
    assert [app.secret for app in first.apps] == [SECRET]
    assert (first.email_verified, first.status.value) == (True, "active")
    assert (second.email_verified, second.status.value, second.password) == (False, "disabled", None)


def test_people_of_better_auth_move() -> None:
    """Recorded: exports/make_better_auth.mjs made the people, and the page's program these lines."""
    lines = (EXPORTS / "better_auth.ndjson").read_text().splitlines()
    ada, grace = (_read(json.loads(line)) for line in lines)

    assert _is_password(ada)
    assert _is_password(grace)
    assert grace.apps == ()
    # What better-auth itself says.
    assert totp.code_at(totp.key_of(ada.apps[0].secret), 59_000_000) == "325880"


@needs("mariadbd")
def test_people_of_wordpress_move(tmp_path: Path) -> None:
    found = re.search(r'wp db query "(.*?)"', _section("WordPress"), re.DOTALL)
    assert found is not None
    query = " ".join(found[1].split())
    into = f"INTO OUTFILE '{tmp_path}/people.ndjson' FIELDS ESCAPED BY ''"
    tables = (EXPORTS / "wordpress.sql").read_text().partition("\n")[2]
    script = tables + query.replace("FROM wp_users", f"{into} FROM wp_users") + ";"
    small = ("--innodb-log-file-size=4M", "--innodb-buffer-pool-size=8M", "--user=root")
    server = ["mariadbd", "--no-defaults", "--bootstrap", "--skip-grant-tables", f"--datadir={tmp_path}", *small]
    # It reads a statement a line.
    statements = "".join(f"{' '.join(each.split())};\n" for each in script.split(";") if each.strip())
    subprocess.run(server, input=statements, text=True, capture_output=True, check=True)

    lines = [json.loads(line) for line in (tmp_path / "people.ndjson").read_text().splitlines()]
    people = {person.address.text.partition("@")[0]: person for person in map(_read, lines)}

    assert set(people) == {"phpass", "bcrypt", "md5"}
    assert _is_password(people["phpass"], "test12345")
    assert _is_password(people["bcrypt"], "admin")
    assert _is_password(people["md5"], "password")
    assert [app.secret for app in people["bcrypt"].apps] == [SECRET]


async def test_people_of_a_table_move(database_url: str, tmp_path: Path) -> None:
    await _fill(database_url, "own")

    [line] = _run(_program("your own tables", "sh"), tmp_path, over=database_url)

    assert _is_password(_read(line))
