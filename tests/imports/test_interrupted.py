"""An import that is interrupted: what was done stays whole, and a repeat ends right."""

import json
import signal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.imports.firebase import parameters
from tests.imports.lines import a_line, an_app, codes, ndjson
from tests.imports.moving import BATCH, Moving
from tests.support.forked import DIES_AT
from tests.support.marks import LONG
from tests.support.postgres import Server

pytestmark = pytest.mark.anyio

NOT_WHOLE = """
    SELECT count(*) FROM accounts AS a
    WHERE NOT EXISTS (SELECT FROM imported_accounts WHERE account_id = a.id)
       OR NOT EXISTS (SELECT FROM events WHERE account_id = a.id AND type = 'account.created')
       OR (a.external_id LIKE 'app-%' AND NOT EXISTS (SELECT FROM authenticators WHERE account_id = a.id))
"""


@pytest.fixture
def moving(database_url: str, tmp_path: Path) -> Moving:
    return Moving(database_url, tmp_path)


async def test_an_import_that_is_killed_anywhere_leaves_no_account_in_part(moving: Moving, tmp_path: Path) -> None:
    everybody = tmp_path / "everybody.ndjson"
    killed = 0
    connection = await asyncpg.connect(moving.url)
    for step in count(1, 1 if LONG else 4):
        file = tmp_path / f"{step}.ndjson"
        # The second line about the same account comes in a transaction of its own.
        lines = [
            a_line(step, external_id=f"app-{step}", two_factor={"totp": [an_app()]}, password=...),
            a_line(step, external_id=f"app-{step}", two_factor={"totp": [an_app()]}, password=..., status="disabled"),
        ]
        file.write_bytes(ndjson({"firebase": parameters()}, *lines))
        done = await moving.run("accounts", "import", str(file), **{DIES_AT: str(step)})
        assert await connection.fetchval(NOT_WHOLE) == 0
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        with everybody.open("ab") as stream:
            stream.write(ndjson(lines[-1]))
        killed += 1
    await connection.close()

    assert (await moving.results(everybody))[0] == 0
    assert await moving.results(everybody) == (0, {"unchanged": killed})
    assert (await moving.status())["accounts"] == killed + 1


async def _be_away(server: asyncpg.Connection, name: str, *, away: bool) -> None:
    await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {not away}')
    if away:
        await server.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1", name)


async def test_lines_that_the_database_is_away_for_are_refused_and_the_rest_goes_on(
    moving: Moving, postgres: Server, tmp_path: Path
) -> None:
    name = urlsplit(moving.url).path.removeprefix("/")
    server = await asyncpg.connect(postgres.url)
    async with moving.fed("--wait", "1") as feeding:
        assert {each["result"] for each in await feeding.batch()} == {"created"}
        await _be_away(server, name, away=True)
        refused = await feeding.batch()
        await _be_away(server, name, away=False)
        assert {each["result"] for each in await feeding.batch()} == {"created"}
        # One that is back before the patience ends costs nothing.
        await _be_away(server, name, away=True)
        await _be_away(server, name, away=False)
        assert {each["result"] for each in await feeding.batch()} == {"created"}
        status, errors = await feeding.end()
    await server.close()

    assert {(each["result"], *codes(each)[0]) for each in refused} == {("refused", "", "unavailable")}
    assert (status, errors.splitlines()[-1]) == (1, f"twokeys: {BATCH} lines were refused.")
    file = tmp_path / "people.ndjson"
    file.write_bytes(ndjson(*feeding.lines))
    assert await moving.results(file) == (0, {"unchanged": 3 * BATCH, "created": BATCH})


async def test_a_dry_run_says_what_the_import_then_does(moving: Moving, tmp_path: Path) -> None:
    """Also of lines about what earlier ones, in other transactions, have made or moved."""
    await moving.results(_file(tmp_path / "before.ndjson", a_line(0, password=...)))
    others = [a_line(number, password=...) for number in range(1, 2 * BATCH)]
    file = _file(
        tmp_path / "people.ndjson",
        a_line(1, password=...),
        a_line(0, password=..., email="moved@example.com"),
        *others,
        a_line(1, password=...),
        a_line(2, password=..., status="disabled"),
        a_line(2, password=..., email="Moved@example.com"),
        a_line("a second zero", password=..., email="person0@example.com"),
        a_line("a second three", password=..., email="person3@example.com"),
        a_line(password=..., external_id=..., email="person3@example.com"),
        a_line(4, password=..., email="person4@example.org"),
    )

    dry = [
        json.loads(line)
        for line in (await moving.run("accounts", "import", str(file), "--json", "--dry-run")).stdout.splitlines()
    ]
    done = [
        json.loads(line) for line in (await moving.run("accounts", "import", str(file), "--json")).stdout.splitlines()
    ]

    as_said = {"would_create": "created", "would_update": "updated"}
    assert [(as_said.get(each["result"], each["result"]), each["problems"]) for each in dry[:-1]] == [
        (each["result"], each["problems"]) for each in done[:-1]
    ]
    assert [each["result"] for each in done[-8:-1]] == [
        "unchanged",
        "updated",
        "refused",
        "created",
        "refused",
        "refused",
        "updated",
    ]
    made = {each["account_id"] for each in dry[:-1]} - {None}
    assert made == {done[1]["account_id"]}, "what no line has made yet has no id"


def _file(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_bytes(ndjson(*lines))
    return path
