"""The sealing key is changed while people log in: nobody is refused, and what was cut off can be taken up again."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.kernel.randomness import new_id
from app.security.secret_box import SecretBox, key_id
from app.server.start import check
from app.services import build_services
from app.settings import new_key, read_key
from app.two_factor import totp
from tests.support import service
from tests.support.marks import PATIENCE
from tests.support.people import KEY, NEW_PASSWORD, a_request, an_account, quick_settings
from tests.support.processes import STEP, Person, Processes, SteppedClock, processes
from tests.support.service import Process, over, twokeys

pytestmark = pytest.mark.anyio
OLD, NEW = KEY, new_key()
BOTH = f"{NEW},{OLD}"
PEOPLE = 8
STRANGERS = 150
"""More than one batch, so that a rotation can be stopped in the middle."""
SEALED = PEOPLE + STRANGERS + 1
SOON = PATIENCE


@dataclass(frozen=True)
class Sealed:
    """A database whose secrets were all sealed with the old key."""

    url: str
    people: Sequence[Person]
    in_the_middle: UUID
    """The account whose secret comes after some of the people's and before the others'."""

    secrets: Sequence[tuple[UUID, str]]
    connected: Sequence[int]
    """The server processes of who was connected by then, which the test before may have left."""

    async def secret_of(self, id: UUID) -> bytes:
        connection = await asyncpg.connect(self.url)
        try:
            query = "SELECT sealed_secret FROM authenticators WHERE account_id = $1"
            return bytes(await connection.fetchval(query, id))
        finally:
            await connection.close()

    async def settled(self) -> dict[str, int]:
        """Once the server has noticed that nobody is there any more: what it was asked for last may still be done."""
        connection = await asyncpg.connect(self.url)
        newcomers = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'twokeys' AND pid <> ALL ($1)"
        )
        try:
            async with asyncio.timeout(SOON):
                while await connection.fetchval(newcomers, self.connected):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        finally:
            await connection.close()
        return await self.sealed_with()

    async def sealed_with(self) -> dict[str, int]:
        connection = await asyncpg.connect(self.url)
        query = (
            "SELECT sealed_secret AS sealed FROM authenticators"
            " UNION ALL SELECT sealed FROM outbox WHERE sealed IS NOT NULL"
        )
        try:
            ids = [bytes(row[0])[:4] for row in await connection.fetch(query)]
        finally:
            await connection.close()
        assert set(ids) <= {key_id(read_key(OLD)), key_id(read_key(NEW))}
        return {"old": ids.count(key_id(read_key(OLD))), "new": ids.count(key_id(read_key(NEW)))}


@pytest.fixture
async def sealed(database_url: str, tmp_path: Path) -> Sealed:
    """People with 2FA on, strangers between them in the order of the rotation, and a reset link in the outbox."""
    services = build_services(quick_settings(database_url, OLD), SteppedClock(tmp_path / "builder"))
    secret_box = SecretBox((read_key(OLD),))
    people: list[Person] = []
    strangers: list[UUID] = []
    for number in range(PEOPLE):
        email = f"sealed{number}@example.com"
        account = await an_account(services, email)
        people.append(Person(account.id, email, secret=totp.new_secret()))
        if number == PEOPLE // 2 - 1:
            strangers = [new_id() for _ in range(STRANGERS)]
    connection = await asyncpg.connect(database_url)
    for id in strangers:
        await connection.execute(
            "INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)"
            " VALUES ($1, $2, $2, 'active', 0, now())",
            id,
            f"{id.hex}@example.com",
        )
    secrets = [(person.id, person.secret) for person in people] + [(id, totp.new_secret()) for id in strangers]
    await connection.executemany(
        "WITH on_since AS (INSERT INTO two_factor_accounts (account_id, enabled_at) VALUES ($1, now()))"
        " INSERT INTO authenticators (id, account_id, kind, name, created_at, sealed_secret, last_step)"
        " VALUES ($1, $1, 'totp', 'Phone', now(), $2, 0)",
        [(id, secret_box.seal(secret.encode(), owner=id)) for id, secret in secrets],
    )
    await services.password_reset.request(people[0].email, a_request(services))
    assert await services.password_reset.answer_requests() == 1
    await services.close()
    connected = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    await connection.close()
    pids = [row["pid"] for row in connected]
    return Sealed(database_url, people, sorted(strangers)[STRANGERS * 3 // 4], secrets, pids)


@asynccontextmanager
async def rotation(sealed: Sealed, folder: Path) -> AsyncIterator[Process]:
    """`keys rotate`, standing in the middle: it waits for a row that is held until the block ends, and then goes on."""
    holder = await asyncpg.connect(sealed.url)
    watcher = await asyncpg.connect(sealed.url)
    ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(watcher.close)
        stack.push_async_callback(holder.close)
        async with holder.transaction():
            query = "SELECT FROM authenticators WHERE account_id = $1 FOR UPDATE"
            await holder.execute(query, sealed.in_the_middle)
            env = over(sealed.url, TWOKEYS_SECRET_KEYS=BOTH)
            process = stack.enter_context(service.running("keys", "rotate", env=env, cwd=folder))
            async with asyncio.timeout(SOON):
                # Where it waits too long for the row, it gives up with a refusal, and stands in the middle as well.
                waiting = f"{ours} AND wait_event_type = 'Lock'"
                while process.poll() is None and not await watcher.fetchval(waiting):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            yield process
        await asyncio.to_thread(process.wait, SOON)


def both_run(sealed: Sealed, folder: Path, keys: str) -> AbstractAsyncContextManager[Processes]:
    folder.mkdir()
    return processes(sealed.url, folder, quick_settings(sealed.url, *keys.split(",")), TWOKEYS_SECRET_KEYS=keys)


async def everybody_logs_in(running: Processes, people: Sequence[Person]) -> None:
    """One code each, in one step or in two, on both processes at once; then the next step begins."""

    async def log_in(number: int, person: Person) -> httpx.Response:
        code = running.code(person)
        if number % 2:
            return await running.log_in(person, code=code)
        return await running.post("/v1/login/two-factor", {"challenge": await running.challenge(person), "code": code})

    answers = await asyncio.gather(*(log_in(number, person) for number, person in enumerate(people)))
    assert [answer.json().get("token", {}).get("amr") for answer in answers] == [["pwd", "otp", "mfa"]] * len(people)
    running.clock.advance(STEP)


async def rotated(sealed: Sealed, folder: Path, keys: str = BOTH) -> dict[str, int]:
    env = over(sealed.url, TWOKEYS_SECRET_KEYS=keys)
    done = await asyncio.to_thread(twokeys, "keys", "rotate", "--json", env=env, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


async def refusal(sealed: Sealed, folder: Path, keys: str) -> str:
    env = over(sealed.url, TWOKEYS_SECRET_KEYS=keys)
    done = await asyncio.to_thread(twokeys, "serve", env=env, cwd=folder)
    assert done.returncode == 1, done.stderr
    return done.stderr.strip().splitlines()[-1]


async def test_a_rotation_loses_no_log_in_and_then_the_old_key_can_go(sealed: Sealed, tmp_path: Path) -> None:
    async with both_run(sealed, tmp_path / "both", BOTH) as running:
        async with rotation(sealed, tmp_path):
            halfway = await sealed.sealed_with()
            assert halfway["old"] > PEOPLE // 2
            assert halfway["new"] > PEOPLE // 2
            for _ in range(3):
                await everybody_logs_in(running, sealed.people)
            newcomer = await running.someone(two_factor=True)
        done, _ = await asyncio.gather(rotated(sealed, tmp_path), everybody_logs_in(running, sealed.people))
        assert done["unreadable"] == 0
        await everybody_logs_in(running, [*sealed.people, newcomer])
        at = running.clock.at
    assert (await sealed.sealed_with())["old"] == 0
    await check(quick_settings(sealed.url, NEW), sends_mail=False)
    async with both_run(sealed, tmp_path / "new", NEW) as running:
        running.clock.set(at)
        await everybody_logs_in(running, [*sealed.people, newcomer])
        (link,) = await running.reset_tokens(sealed.people[0])
        answer = await running.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
        assert answer.json()["two_factor"] == "disabled"


async def test_a_rotation_that_was_killed_goes_on_where_it_stood(sealed: Sealed, tmp_path: Path) -> None:
    async with rotation(sealed, tmp_path) as process:
        process.kill()
        await asyncio.to_thread(process.wait)
    left = await sealed.settled()
    assert left["old"] > PEOPLE // 2
    assert left["new"] > PEOPLE // 2
    assert f"{left['old']} stored secret(s)" in await refusal(sealed, tmp_path, NEW)
    assert f"{left['new']} stored secret(s)" in await refusal(sealed, tmp_path, OLD)
    assert await rotated(sealed, tmp_path) == {"resealed": left["old"], "unreadable": 0}
    assert await sealed.sealed_with() == {"old": 0, "new": SEALED}
    secret_box = SecretBox((read_key(NEW),))
    for id, secret in sealed.secrets:
        assert secret_box.open(await sealed.secret_of(id), owner=id) == secret.encode()
    await check(quick_settings(sealed.url, NEW), sends_mail=False)
    assert f"{SEALED} stored secret(s)" in await refusal(sealed, tmp_path, OLD)
