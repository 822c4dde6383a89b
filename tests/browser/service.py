"""The service under test, and the people who have an account there."""

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx

from tests.browser.console import Person
from tests.support.marks import PATIENCE
from tests.support.people import PASSWORD

T = TypeVar("T")


def aside(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in another thread: Playwright keeps an event loop in this one, in which nobody else may start one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Service:
    address: str
    home: Path
    env: Mapping[str, str]
    operator: httpx.Client
    """May do what operators do; stays connected, since each client would read the certificates of the world anew."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def mails(self) -> Path:
        """The folder that the mailbox page shows."""
        return self.home / "data" / "mailbox"

    def execute(self, statement: str) -> None:
        """In its database: time that passed, as far as the service can know."""

        async def run() -> None:
            connection = await asyncpg.connect(self.env["TWOKEYS_DATABASE_URL"])
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        aside(run())

    def new_person(self, name: str | None = None) -> Person:
        email = f"{name or f'person-{next(self._numbers)}'}@example.com"
        made = self.operator.post("/v1/admin/accounts", json={"email": email, "password": PASSWORD})
        assert made.status_code == httpx.codes.CREATED, made.text
        return Person(email, PASSWORD)

    def log_in_elsewhere(self, person: Person, *, address: str = "203.0.113.7", user_agent: str = "curl/8") -> str:
        """A session of the same person on another device; returns its token."""
        body = {"email": person.email, "password": person.password}
        headers = {"User-Agent": user_agent, "X-Forwarded-For": address}
        answer = self.operator.post("/v1/login", json=body, headers=headers, auth=httpx.Auth())
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["access_token"])

    def wait_for_mail(self, person: Person, subject: str) -> dict[str, str]:
        """The newest one."""
        return self._wait_for(person, lambda mail: mail if subject in mail["subject"] else None)

    def wait_for_link(self, person: Person, page: str) -> str:
        """Where the newest link to this page of the console leads, whatever the language of its mail."""
        link = re.compile(rf"/console/(#/{page}/tk\w_[\w-]+)")
        return self._wait_for(person, lambda mail: link.search(mail["text"]))[1]

    def _wait_for(self, person: Person, look: Callable[[dict[str, str]], T | None]) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            mails = [mail for mail in self.operator.get("/mailbox/mails").json() if mail["to"] == person.email]
            for found in filter(None, map(look, mails)):
                return found
            assert time.monotonic() < deadline, [mail["subject"] for mail in mails]
            time.sleep(0.1)
