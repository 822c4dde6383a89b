"""The commands that move people in and out, over one database, and the service beside them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx

from app.kernel.clock import SystemClock
from app.main import create_app
from tests.conftest import SetClock
from tests.imports.company import Person
from tests.imports.lines import a_line, ndjson
from tests.support.people import STEP, quick_settings, totp_code
from tests.support.service import TWOKEYS, over, twokeys

_AT_ONCE = 8
BATCH = 250
"""So many lines the command takes in one transaction."""


@dataclass
class FedImport:
    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    """All that it was given."""

    async def batch(self) -> list[dict[str, Any]]:
        """What comes of the next lines."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        start = len(self.lines)
        lines = [a_line(number, password=...) for number in range(start, start + BATCH)]
        self.lines += lines
        self.process.stdin.write(ndjson(*lines))
        return [json.loads(await self.process.stdout.readline()) for _ in lines]

    async def end(self) -> tuple[int, str]:
        """The exit status, and what it said on standard error."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()


class Moving:
    """The commands over one database, and the service beside them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self._folder = url, folder
        self.clock = SetClock(SystemClock().now())

    async def run(self, *arguments: str, stdin: str = "", **settings: str) -> CompletedProcess[str]:
        env = over(self.url, **settings)
        return await asyncio.to_thread(twokeys, *arguments, env=env, cwd=self._folder, stdin=stdin)

    async def results(self, file: Path, *options: str) -> tuple[int, dict[str, int]]:
        done = await self.run("accounts", "import", str(file), "--json", *options)
        total: dict[str, int] = json.loads(done.stdout.splitlines()[-1])["total"]
        return done.returncode, {result: count for result, count in total.items() if count}

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.run("accounts", "import", "--status", "--json")).stdout)
        return found

    @asynccontextmanager
    async def fed(self, *options: str) -> AsyncIterator["FedImport"]:
        """An import that gets its lines through a pipe, a batch when the test says so."""
        command = [*TWOKEYS, "accounts", "import", "-", "--json", *options]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, env=over(self.url), cwd=self._folder, stdin=pipe, stdout=pipe, stderr=pipe
        )
        try:
            yield FedImport(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    @asynccontextmanager
    async def service(self) -> AsyncIterator[httpx.AsyncClient]:
        settings = quick_settings(
            self.url, run_worker=False, console=False, requests_per_client_minute=10**6, log_level="warning"
        )
        app = create_app(settings, self.clock)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 40000))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as api,
        ):
            yield api

    async def log_in(self, api: httpx.AsyncClient, person: Person) -> str:
        """What is wrong with it; empty where it works."""
        body = {"email": person.email, "password": person.password}
        if person.secret:
            body["code"] = totp_code(person.secret, self.clock.now())
        answer = await api.post("/v1/login", json=body)
        return "" if answer.json().get("status") == "authenticated" else answer.text

    async def log_in_all(self, people: Sequence[Person]) -> dict[str, str]:
        """What is wrong with whose log-in; the first one of each format tries a wrong password before."""
        # The commands have the machine's clock, and spend the step of an import.
        self.clock = SetClock(SystemClock().now() + STEP)
        first_of_each = {person.scheme: person.email for person in reversed(people)}
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def log_in(person: Person) -> str:
            async with at_once:
                return await self.log_in(api, person)

        async with self.service() as api:
            for email in first_of_each.values():
                wrong = await api.post("/v1/login", json={"email": email, "password": "wrong"})
                assert wrong.status_code == 401, wrong.text
            problems = await asyncio.gather(*map(log_in, people))
        return {person.email: problem for person, problem in zip(people, problems, strict=True) if problem}
