"""The programs on docs/tutorials/move-in.md, over rows as those systems write them."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw

from app.security.foreign_hashes.formats import recognise
from app.security.foreign_hashes.pbkdf2 import Pbkdf2
from tests.support.marks import needs

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "move-in.md").read_text(encoding="utf-8")
PASSWORD, SALT = b"the password of ada", b"0123456789abcdef"

pytestmark = [pytest.mark.system, needs("jq")]


def _convert(system: str, rows: bytes) -> list[dict[str, Any]]:
    """What the page's jq program makes of them."""
    section = PAGE.partition(f"## From {system}\n")[2].partition("\n## ")[0]
    program = re.search(r"jq -c '(.*?)'", section, re.DOTALL)
    assert program is not None
    done = subprocess.run(["jq", "-c", program[1]], input=rows, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _keycloak(algorithm: str, iterations: int, value: bytes, **parameters: list[str]) -> dict[str, Any]:
    data = {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": parameters}
    secret = {"value": base64.b64encode(value).decode(), "salt": base64.b64encode(SALT).decode()}
    person = {"id": "u", "email": "ada@example.com", "verified": True, "enabled": True}
    return person | {"data": data, "secret": secret}


@pytest.mark.parametrize(
    "row",
    [
        _keycloak("pbkdf2", 27, hashlib.pbkdf2_hmac("sha1", PASSWORD, SALT, 27, 64)),
        _keycloak("pbkdf2-sha512", 21, hashlib.pbkdf2_hmac("sha512", PASSWORD, SALT, 21, 64)),
        _keycloak(
            "argon2",
            2,
            hash_secret_raw(PASSWORD, SALT, 2, 64, 1, 32, Type.ID),
            type=["id"],
            memory=["64"],
            parallelism=["1"],
        ),
    ],
)
def test_rows_of_keycloak_become_lines_that_verify(row: dict[str, Any]) -> None:
    [line] = _convert("Keycloak", json.dumps(row).encode())

    read = recognise(line["password"]["hash"])

    assert isinstance(read, Pbkdf2) or read.scheme == "argon2id"
    assert read.verify(PASSWORD)  # type: ignore[union-attr]


def test_users_of_firebase_become_lines() -> None:
    users = [
        {"localId": "a", "email": "a@example.com", "emailVerified": True, "passwordHash": "aA==", "salt": "bB==",
         "createdAt": "1556668800123"},
        {"localId": "b"},
        {"localId": "c", "email": "c@example.com", "emailVerified": False, "createdAt": "1556668800123",
         "disabled": True},
    ]  # fmt: skip

    lines = _convert("Firebase", json.dumps({"users": users}).encode())

    assert lines[0]["created_at"] == "2019-05-01T00:00:00Z"
    assert lines[0]["password"] == {"scheme": "firebase_scrypt", "hash": "aA==", "salt": "bB=="}
    assert [(line["external_id"], line["status"]) for line in lines] == [("a", "active"), ("c", "disabled")]


def test_users_of_auth0_become_lines() -> None:
    user = {"_id": {"$oid": "5"}, "email": "a@example.com", "email_verified": True, "passwordHash": "$2b$10$x"}

    [line] = _convert("Auth0", json.dumps(user).encode())

    assert line == {
        "external_id": "5",
        "email": "a@example.com",
        "email_verified": True,
        "password": {"hash": "$2b$10$x"},
    }
