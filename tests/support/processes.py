"""Two processes of the service over one database, and what an attacker needs: many addresses, one clock, held doors."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from app.clients.domain import Role
from app.mail.domain import unpack
from app.services import Services, build_services
from app.settings import Settings
from tests.support.documented import must_be_documented
from tests.support.marks import PATIENCE
from tests.support.people import PASSWORD, an_account, bearer, totp_code
from tests.support.postgres import WAITING
from tests.support.service import FileClock, Process, free_port, over, running, wait_until_ready

STEP = timedelta(seconds=30)
BEGIN = datetime(2026, 3, 14, 15, 9, 30, tzinfo=UTC)
_ONE_WAITS_WITHIN, _ALL_WAIT_WITHIN = 30, 2.5
_numbers = count(1)
_SECRET = re.compile(r"tk[a-z]_[A-Za-z0-9_-]{43}|(?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}|\b[A-Z2-7]{32}\b")
Answers = list[httpx.Response]


class SteppedClock(FileClock):
    """The clock of both processes, and the hand on it."""

    def __init__(self, file: Path, at: datetime = BEGIN) -> None:
        super().__init__(file)
        self._path = file
        self.set(at)

    def set(self, at: datetime) -> None:
        # Replaced whole: a process must never read half an instant.
        half = self._path.with_suffix(".new")
        half.write_text(str(at.timestamp()))
        half.replace(self._path)

    def advance(self, by: timedelta) -> None:
        self.set(datetime.fromtimestamp(float(self._path.read_text()), UTC) + by)

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(float(self._path.read_text()), UTC)


def new_address() -> str:
    """A client address that nobody used before in this run."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass(frozen=True)
class Person:
    """Somebody with an account, and what they have in hand."""

    id: UUID
    email: str
    token: str = ""
    secret: str = ""
    recovery_codes: tuple[str, ...] = ()
    password: str = PASSWORD
    address: str = field(default_factory=new_address)


@dataclass(frozen=True)
class Processes:
    addresses: tuple[str, ...]
    clients: tuple[httpx.AsyncClient, ...]
    clock: SteppedClock
    services: Services
    database_url: str
    logs: Path
    pids: tuple[int, ...] = ()
    seen: set[str] = field(default_factory=set)
    """Every secret that any answer of the run showed."""
    _pool: list[asyncpg.Pool] = field(default_factory=list)

    async def close(self) -> None:
        for client in self.clients:
            await client.aclose()
        for pool in self._pool:
            await pool.close()
        await self.services.close()

    async def _connections(self) -> asyncpg.Pool:
        if not self._pool:
            self._pool.append(asyncpg.create_pool(self.database_url, min_size=0))
        return await self._pool[0]

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        address: str | None = None,
        at: int | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """One request, to the process `at`, or to each in turn; from a fresh client address unless one is given."""
        number = next(_numbers) if at is None else at
        params = {"X-Forwarded-For": address or new_address(), **(bearer(token) if token else {}), **(headers or {})}
        client = self.clients[number % len(self.clients)]
        answer = await client.request(method, path, json=body, headers=params, **more)
        self.seen.update(_SECRET.findall(answer.text))
        return answer

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.call("POST", path, body, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("GET", path, **more)

    async def log_in(self, person: Person, password: str | None = None, **more: Any) -> httpx.Response:
        body = {"email": person.email, "password": password or person.password}
        if (code := more.pop("code", None)) is not None:
            body["code"] = code
        return await self.post("/v1/login", body, **more)

    async def someone(self, *, two_factor: bool = False, session: bool = True) -> Person:
        """A new account with a session; with 2FA on, two steps after the confirming code was used."""
        email = f"person{next(_numbers)}@example.com"
        person = Person((await an_account(self.services, email)).id, email)
        if not session and not two_factor:
            return person
        person = replace(person, token=await self.session(person))
        return await self.enrolled(person) if two_factor else person

    async def session(self, person: Person) -> str:
        answer = await self.log_in(person, address=person.address)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def enrolled(self, person: Person) -> Person:
        began = await self.post("/v1/me/2fa/enrollment", {"password": person.password}, token=person.token)
        assert began.status_code == 201, began.text
        secret = began.json()["secret"]
        code = totp_code(secret, self.clock.at)
        answer = await self.post("/v1/me/2fa/confirm", {"code": code}, token=person.token)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        self.clock.advance(2 * STEP)
        return replace(
            person,
            secret=secret,
            token=body["grant"]["access_token"],
            recovery_codes=tuple(body["recovery_codes"]),
        )

    def code(self, person: Person, *, steps: int = 0) -> str:
        return totp_code(person.secret, self.clock.at, steps=steps)

    def wrong_code(self, person: Person, number: int = 0) -> str:
        """Six digits that no step within ten minutes has; another one for each number."""
        near = {totp_code(person.secret, self.clock.at, steps=steps) for steps in range(-20, 21)}
        free = (code for code in map("{:06d}".format, range(1000)) if code not in near)
        return next(code for index, code in enumerate(free) if index == number)

    async def challenge(self, person: Person) -> str:
        answer = await self.log_in(person)
        assert answer.json()["status"] == "two_factor_required", answer.text
        return str(answer.json()["challenge"])

    async def reset_token(self, person: Person) -> str:
        """Out of the mail that the worker would send."""
        response = await self.post("/v1/password-reset", {"email": person.email})
        assert response.status_code == 202, response.text
        while await self.services.password_reset.answer_requests():
            continue  # Other attacks may have left wishes in front of this one.
        return (await self.reset_tokens(person))[-1]

    async def reset_tokens(self, person: Person) -> list[str]:
        return await self.mailed_tokens(person, "password_reset")

    async def address_token(self, person: Person, email: str) -> str:
        """Of the link that the new mailbox would get."""
        body = {"new_email": email, "password": person.password}
        response = await self.post("/v1/me/email", body, token=person.token)
        assert response.status_code == 202, response.text
        while await self.services.email_change.answer_requests():
            continue
        return (await self.mailed_tokens(person, "email_change"))[-1]

    async def undo_token(self, person: Person, email: str) -> str:
        """Moves the account to this address: what the old mailbox gets."""
        token = await self.address_token(person, email)
        response = await self.post("/v1/email-change/confirm", {"token": token})
        assert response.status_code == 200, response.text
        return (await self.mailed_tokens(person, "email_changed"))[-1]

    async def not_me_link(self, person: Person) -> str:
        """Out of the mail that tells of two-factor authentication."""
        return (await self.mailed_tokens(person, "two_factor_enabled", fact="not_me"))[-1]

    async def mailed_tokens(self, person: Person, kind: str, *, fact: str = "token") -> list[str]:
        rows = await self.rows(
            "SELECT sealed, created_at FROM outbox WHERE account_id = $1 AND letter = $2 ORDER BY id",
            person.id,
            kind,
        )
        opened = [unpack(self.services.secret_box.open(row[0], owner=person.id), at=row[1]) for row in rows]
        return [str(each.facts[fact]) for each in opened]

    async def client(self, *roles: Role) -> httpx.BasicAuth:
        made = await self.services.clients.create("attacker's view", roles)
        return httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())

    async def alive(self, token: str) -> bool:
        """What both processes say, which must be the same."""
        result = {(await self.get("/v1/me", token=token, at=number)).status_code for number in range(len(self.clients))}
        assert result <= {200, 401}, result
        assert len(result) == 1, "the processes disagree"
        return result == {200}

    async def rows(self, query: str, *params: Any) -> list[Any]:
        return list(await (await self._connections()).fetch(query, *params))

    async def execute(self, statement: str, *params: Any) -> None:
        await (await self._connections()).execute(statement, *params)

    def log_text(self) -> str:
        """What both processes have logged so far."""
        return "\n".join(file.read_text() for file in sorted(self.logs.glob("*/output.log")))

    async def events(self, person: Person) -> list[str]:
        found = await self.rows("SELECT type FROM events WHERE account_id = $1 ORDER BY id", person.id)
        return [row[0] for row in found]

    async def mails(self, person: Person) -> list[str]:
        found = await self.rows("SELECT letter FROM outbox WHERE account_id = $1 ORDER BY id", person.id)
        return [row[0] for row in found]

    @asynccontextmanager
    async def held(self, person: Person) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
        """The account's row is locked meanwhile, so that whoever has read waits before writing.

        Hands out a function that returns once so many sessions wait.
        """
        connection = await asyncpg.connect(self.database_url)
        watcher = await asyncpg.connect(self.database_url)

        async def until_waiting(number: int) -> None:
            async with asyncio.timeout(_ONE_WAITS_WITHIN):
                while not await watcher.fetchval(WAITING):  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(0.001)
            # The service waits three seconds for a lock: by then the others must wait beside the first one.
            async with asyncio.timeout(_ALL_WAIT_WITHIN):
                while await watcher.fetchval(WAITING) < number:  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(0.001)

        try:
            async with connection.transaction():
                await connection.execute("SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE", person.id)
                yield until_waiting
        finally:
            await connection.close()
            await watcher.close()

    async def race(self, calls: Sequence[Awaitable[httpx.Response]], *, hold: Person | None = None) -> Answers:
        """All at once; with `hold`, the reads of as many as get a connection come before anybody's write."""
        if hold is None:
            return list(await asyncio.gather(*calls))
        async with self.held(hold) as until_waiting:
            racing = asyncio.gather(*calls)
            # A machine that is too busy for it lets them race as they come: a longer pause would end in refusals.
            with suppress(TimeoutError):
                await until_waiting(min(2, len(calls)))
        return list(await racing)


@contextmanager
def replica(number: int, clock_file: Path, env: Mapping[str, str], logs: Path) -> Iterator[tuple[str, Process]]:
    """One process and its address; `number` names the folder of its log."""
    port = free_port()
    folder = logs / str(number)
    folder.mkdir()
    with running(str(port), str(clock_file), env=env, cwd=folder, module="tests.support.service") as process:
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process, folder)
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(12)


@asynccontextmanager
async def processes(database_url: str, folder: Path, settings: Settings, **changes: str) -> AsyncIterator[Processes]:
    """`settings` are those of the services in this process, which shares the clock; `changes` go to the others."""
    clock = SteppedClock(folder / "clock")
    env = over(
        database_url,
        TWOKEYS_TRUSTED_PROXIES="127.0.0.0/8",
        TWOKEYS_RUN_WORKER="false",
        TWOKEYS_CONSOLE="false",
        TWOKEYS_DOCS="true",
        TWOKEYS_METRICS="true",
        **changes,
    )
    services = build_services(settings, clock)
    with ExitStack() as stack:
        started = [stack.enter_context(replica(each, folder / "clock", env, folder)) for each in range(2)]
        found = [address for address, _ in started]
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        hooks: dict[str, list[Any]] = {"response": [must_be_documented]}
        clients = tuple(
            httpx.AsyncClient(base_url=each, timeout=PATIENCE, limits=limits, event_hooks=hooks) for each in found
        )
        made = Processes(
            tuple(found), clients, clock, services, database_url, folder, tuple(process.pid for _, process in started)
        )
        try:
            yield made
        finally:
            await made.close()


def statuses(answers: Answers) -> dict[int, int]:
    """How many answers had each status."""
    found = [answer.status_code for answer in answers]
    return {status: found.count(status) for status in sorted(set(found))}


def winners(answers: Answers) -> Answers:
    return [answer for answer in answers if answer.is_success]


def no_fault(answers: Answers, *, allowed: frozenset[int] = frozenset()) -> None:
    """Neither a 500, nor a 503 that the test did not expect."""
    bad = [answer for answer in answers if answer.status_code >= 500 and answer.status_code not in allowed]
    assert not bad, bad[0].text
