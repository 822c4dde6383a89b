"""`twokeys events`: lines of JSON, by time and as they come."""

import asyncio
import json
import signal
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.admin.event_schema import event_schema
from app.audit.domain import EventFilter
from app.services import Services
from tests.conftest import SetClock
from tests.support.marks import PATIENCE
from tests.support.people import a_session, an_account
from tests.support.service import output_of, over, running, twokeys

pytestmark = pytest.mark.anyio


async def test_events_are_exported_by_time(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str, tmp_path: Path
) -> None:
    await an_account(services)
    began = clock.now()
    clock.advance(timedelta(seconds=1))
    await a_session(api)

    async def export(*arguments: str) -> list[str]:
        command = ("events", "export", *arguments)
        done = await asyncio.to_thread(twokeys, *command, env=over(database_url), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["type"] for line in done.stdout.splitlines()]

    assert await export() == ["account.created", "login.succeeded"]
    assert await export("--from", began.isoformat(), "--to", clock.now().isoformat()) == ["account.created"]
    assert await export("--from", clock.now().isoformat()) == ["login.succeeded"]
    wrong = await asyncio.to_thread(
        twokeys, "events", "export", "--from", "yesterday", env=over(database_url), cwd=tmp_path
    )
    assert wrong.returncode == 2


async def test_events_are_followed_behind_the_last_one(
    api: httpx.AsyncClient, services: Services, database_url: str, tmp_path: Path
) -> None:
    await an_account(services)
    async with services.database.autocommit() as connection:
        [created] = (await services.audit_log.all_events(connection, EventFilter(), after=None, limit=1)).items
    with running("events", "follow", "--after", str(created.id), env=over(database_url), cwd=tmp_path) as process:
        for number in range(1, 3):
            await a_session(api)
            async with asyncio.timeout(PATIENCE):
                while len(output_of(tmp_path).splitlines()) < number:
                    assert process.poll() is None, output_of(tmp_path)
                    await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    assert [json.loads(line)["type"] for line in output_of(tmp_path).splitlines()] == ["login.succeeded"] * 2


async def test_an_unknown_event_can_not_be_followed(database_url: str, tmp_path: Path) -> None:
    command = ("events", "follow", "--after", "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6")
    done = await asyncio.to_thread(twokeys, *command, env=over(database_url), cwd=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (1, "twokeys: There is no event with this id.")


def test_the_schema_is_written(tmp_path: Path) -> None:
    assert twokeys("events", "schema", env=over("postgresql://nowhere/"), cwd=tmp_path).stdout == (
        json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n"
    )
