"""A made-up company moves in by one command, and out again into an empty database."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest

from tests.imports.company import FORMATS, Person, a_company
from tests.imports.firebase import parameters
from tests.imports.lines import a_line, ndjson
from tests.imports.moving import Moving
from tests.support.postgres import Server, end_connections, holding

PEOPLE = 48
ADD_ACCOUNT = """
    INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)
    VALUES (gen_random_uuid(), $1, $1, 'active', 0, now())
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


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
def people() -> Sequence[Person]:
    return a_company(PEOPLE)


@pytest.fixture
def file(tmp_path: Path, people: Sequence[Person]) -> Path:
    return _file_of(people, tmp_path)


def _file_of(people: Sequence[Person], folder: Path) -> Path:
    path = folder / "people.ndjson"
    path.write_bytes(ndjson({"firebase": parameters()}, *(person.line() for person in people)))
    return path


async def test_a_thousand_people_move_in_and_their_old_hashes_go(moving: Moving, tmp_path: Path) -> None:
    people = a_company(1000)
    file = _file_of(people, tmp_path)
    assert await moving.results(file, "--dry-run") == (0, {"would_create": 1000})
    assert await moving.results(file) == (0, {"created": 1000})
    assert await moving.results(file) == (0, {"unchanged": 1000})
    by_scheme = dict.fromkeys(sorted(FORMATS), 1000 // len(FORMATS))
    assert await moving.status() == {"accounts": 1000, "never_logged_in": 1000, "by_scheme": by_scheme}

    assert await moving.log_in_all(people) == {}

    assert await moving.status() == {"accounts": 1000, "never_logged_in": 0, "by_scheme": {}}
    assert await moving.results(file) == (0, {"unchanged": 1000})


async def test_what_is_exported_moves_in_elsewhere(
    moving: Moving, elsewhere: Moving, people: Sequence[Person], file: Path, tmp_path: Path
) -> None:
    await moving.results(file)
    assert await moving.log_in_all(people[: PEOPLE // 2]) == {}

    exported = await moving.run("accounts", "export", "--with-secrets")
    again = tmp_path / "again.ndjson"
    again.write_text(exported.stdout)

    assert await elsewhere.results(again) == (0, {"created": PEOPLE})
    assert (await elsewhere.status())["by_scheme"] == (await moving.status())["by_scheme"]
    assert await elsewhere.log_in_all(people) == {}


async def test_imports_in_opposite_orders_do_not_deadlock(moving: Moving, tmp_path: Path) -> None:
    lines = [a_line(number, password=...) for number in range(30)]
    files = [tmp_path / "people.ndjson", tmp_path / "reversed.ndjson"]
    for file, order in zip(files, (lines, lines[::-1]), strict=True):
        file.write_bytes(ndjson(*order))

    # Both come to the address in the middle, and without a common order each would hold one half by then.
    async with holding(moving.url, ADD_ACCOUNT, lines[15]["email"]) as writer:
        imports = [asyncio.create_task(moving.results(file)) for file in files]
        await writer.until_waiting(*imports)
    counts = [count for _, count in await asyncio.gather(*imports)]

    assert {"created": 29, "refused": 1} in counts
    assert {"unchanged": 29, "refused": 1} in counts
    assert await _deadlocks(moving.url) == 0, "the loser of one tries again, so its results tell nothing"


async def _deadlocks(url: str) -> int:
    """In this database, ever. A connection counts its own when it ends."""
    await end_connections(url)
    connection = await asyncpg.connect(url)
    try:
        count: int = await connection.fetchval(DEADLOCKS)
    finally:
        await connection.close()
    return count


async def test_an_export_without_secrets_has_none(moving: Moving, people: Sequence[Person], file: Path) -> None:
    await moving.results(file)

    lines = [json.loads(line) for line in (await moving.run("accounts", "export")).stdout.splitlines()]

    assert {tuple(sorted(line)) for line in lines} == {
        ("created_at", "email", "email_verified", "external_id", "status")
    }
    assert {line["external_id"] for line in lines} == {f"u-{person.number}" for person in people}


async def test_a_refused_line_is_told_and_exits_with_1(moving: Moving, tmp_path: Path) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_bytes(
        ndjson({"email": "ada@example.com"}, b"x" * 1_200_000, {"email": "none"}, {"email": "b@example.com"})
    )

    done = await moving.run("accounts", "import", str(file))

    assert done.returncode == 1
    assert "line 2:" in done.stdout
    assert "[line_too_long]" in done.stdout
    assert "line 3: /email" in done.stdout
    bar, *_, last = done.stderr.splitlines()
    assert re.fullmatch(r"4 lines, [\d,]+/s, 2 refused \S+ 0:00:00\s*", bar), "lines, rate, and the time left"
    assert last == "twokeys: 2 lines were refused."
    assert (await moving.status())["accounts"] == 2


async def test_it_says_before_it_starts_how_long_hashing_will_take(moving: Moving, tmp_path: Path) -> None:
    file = tmp_path / "people.ndjson"
    file.write_bytes(
        ndjson(*({"email": f"a{number}@example.com", "password": {"plain": "x"}} for number in range(999)))
    )

    slow = {"TWOKEYS_ARGON2_TIME_COST": "100", "TWOKEYS_HASH_THREADS": "1"}
    done = await moving.run("accounts", "import", str(file), "--dry-run", **slow)

    assert done.stderr.startswith("Some 999 hashes are to be made, which takes about ")


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
    if "no-such-file" in arguments:
        assert done.stderr == "twokeys: no-such-file can't be opened (No such file or directory). Check its path.\n"
