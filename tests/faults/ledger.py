"""People at steady work while things break, and a book of what they were told, checked afterwards."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import asyncpg
import httpx

from app.services import Services
from tests.support.marks import PATIENCE, PAUSE, within
from tests.support.people import PASSWORD, an_account, bearer, enroll, log_in

_numbers = count(1)
RECOVERED_WITHIN = within(10.0)
# Personal tokens; an account may have fifty.
_KEPT = 40


def somewhere() -> dict[str, str]:
    """A client address of one's own, so that no limit of an address is what a test meets."""
    number = next(_numbers)
    return {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}


@dataclass
class Ledger:
    """`live` and `dead` are tokens, `used` recovery codes: what a 2xx said, and what no fault may take back."""

    live: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    used: list[tuple[str, str]] = field(default_factory=list)
    statuses: Counter[int | str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> int:
        self.statuses[answer.status_code] += 1
        if answer.status_code == 503 and int(answer.headers.get("retry-after", "0")) < 1:
            self.violations.append("503 without Retry-After")
        if answer.status_code >= 500 and answer.status_code != 503:
            self.violations.append(f"{answer.status_code}: {answer.text}")
        if answer.is_success:
            self.answered_at.append(time.monotonic())
        return answer.status_code


@dataclass
class Worker:
    """One person with second-factor log-ins by recovery code in between."""

    api: httpx.AsyncClient
    ledger: Ledger
    email: str
    codes: list[str]
    drops: bool
    """Whether the service itself may vanish in the middle of a request."""

    async def ask(
        self, method: str, path: str, token: str | None = None, body: Any = None, **more: Any
    ) -> httpx.Response | None:
        headers = somewhere() | (bearer(token) if token else {})
        try:
            answer = await self.api.request(method, path, json=body, headers=headers, **more)
        except httpx.TransportError as error:
            self.ledger.statuses[type(error).__name__] += 1
            if not self.drops:
                self.ledger.violations.append(f"{method} {path}: {type(error).__name__}")
            return None
        self.ledger.note(answer)
        return answer

    async def log_in(self, code: str | None = None) -> str | None:
        body = {"email": self.email, "password": PASSWORD} | ({"code": code} if code else {})
        answer = await self.ask("POST", "/v1/login", body=body)
        if answer is None or answer.status_code != 200 or answer.json()["status"] != "authenticated":
            return None
        token = str(answer.json()["access_token"])
        self.ledger.live.add(token)
        if code:
            self.ledger.used.append((self.email, code))
        return token

    async def round(self) -> None:
        code = self.codes.pop() if self.codes else None
        token = await self.log_in(code)
        if token is None:
            return
        kept = await self.ask("POST", "/v1/me/tokens", token, {"description": "kept"})
        if kept is not None and kept.status_code == 201:
            self.ledger.live.add(kept.json()["access_token"])
        # From the moment it is asked for, nobody knows, until the answer says that it is dead.
        self.ledger.live.discard(token)
        ended = await self.ask("POST", "/v1/logout", token)
        if ended is not None and ended.status_code == 204:
            self.ledger.dead.add(token)
            again = await self.ask("GET", "/v1/me", token)
            if again is not None and again.is_success:
                self.ledger.violations.append("a dead token was answered")

    async def go_on(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self.round()
            await asyncio.sleep(PAUSE)


class Steady(Worker):
    """Goes on for as long as it takes: asks again with a code that nobody answered, and gets new ones in time."""

    kept = 0

    async def round(self) -> None:
        code = self.codes[-1] if self.codes else None
        body = {"email": self.email, "password": PASSWORD} | ({"code": code} if code else {})
        answer = await self.ask("POST", "/v1/login", body=body)
        if answer is None or answer.status_code >= 500:
            return
        if code:
            self.codes.pop()
        if answer.status_code == 401:
            # Spent by a request that nobody was answered.
            return
        if "access_token" not in answer.json():
            self.ledger.violations.append(f"{len(self.codes)} codes left: {answer.status_code} {answer.text}")
            return
        token = str(answer.json()["access_token"])
        self.ledger.live.add(token)
        if code:
            self.ledger.used.append((self.email, code))
            await self.renew(token)
        if self.kept < _KEPT:
            made = await self.ask("POST", "/v1/me/tokens", token, {"description": "kept"})
            if made is not None and made.status_code == 201:
                self.ledger.live.add(made.json()["access_token"])
                self.kept += 1
        self.ledger.live.discard(token)
        await self.end(token)

    async def renew(self, token: str) -> None:
        """The last codes but three are never used up, so that a renewal without an answer leaves some."""
        while len(self.codes) < 3:
            renewed = await self.ask("POST", "/v1/me/2fa/recovery-codes", token, {"password": PASSWORD})
            if renewed is not None and renewed.is_success:
                self.codes = list(renewed.json()["recovery_codes"])

    async def end(self, token: str) -> None:
        """Whoever was told that a token is dead, by whichever answer, may rely on it."""
        ended = await self.ask("POST", "/v1/logout", token)
        again = await self.ask("GET", "/v1/me", token)
        acknowledged = ended is not None and ended.status_code == 204
        if acknowledged and again is not None and again.is_success:
            self.ledger.violations.append("a dead token was answered")
        if acknowledged or (again is not None and again.status_code == 401):
            self.ledger.dead.add(token)


@asynccontextmanager
async def at_work(
    api: httpx.AsyncClient, services: Services, *, people: int = 4, drops: bool = False, kind: type[Worker] = Worker
) -> AsyncIterator[tuple[Ledger, list[Worker]]]:
    """Half of the people have two-factor authentication on, with ten recovery codes each."""
    ledger, workers = Ledger(), []
    for number in range(people):
        email = f"worker{next(_numbers)}@example.com"
        await an_account(services, email)
        codes: list[str] = []
        if number % 2:
            token = (await log_in(api, email)).json()["access_token"]
            codes = (await enroll(api, token, services.clock.now())).recovery_codes
        workers.append(kind(api, ledger, email, codes, drops))
    stopping = asyncio.Event()
    running = [asyncio.create_task(worker.go_on(stopping)) for worker in workers]
    try:
        yield ledger, workers
    finally:
        stopping.set()
        await asyncio.gather(*running)


async def recovered(ledger: Ledger, since: float, *, give_up: float = RECOVERED_WITHIN) -> float:
    """Seconds from `since` to the first success that came after it. Fails after ten, or when it is to give up."""
    while True:
        after = [at for at in ledger.answered_at if at > since]
        if after:
            return after[0] - since
        assert time.monotonic() - since < give_up, ledger.statuses
        await asyncio.sleep(0.05)


async def check(api: httpx.AsyncClient, ledger: Ledger, database_url: str) -> None:
    """Everything that was acknowledged is still true, and what was not is whole or not there."""
    # Shown by `pytest -rP`, for docs/evidence/reliability.md.
    message = f"{len(ledger.live)} live, {len(ledger.dead)} ended, {len(ledger.used)} codes used"
    print(f"{sum(ledger.statuses.values())} requests {dict(ledger.statuses)}; {message}; {ledger.violations}")
    assert ledger.violations == []
    for token in ledger.live:
        answer = await _settled(api, "GET", "/v1/me", headers=bearer(token))
        assert answer.status_code == 200, f"a 2xx was lost: {answer.text}"
    for token in ledger.dead:
        answer = await _settled(api, "GET", "/v1/me", headers=bearer(token))
        assert answer.status_code == 401, f"a token rose again: {answer.text}"
    connection = await asyncpg.connect(database_url)
    try:
        spent = await connection.fetchval(_SPENT)
        for email, code in ledger.used:
            body = {"email": email, "password": PASSWORD, "code": code}
            answer = await _settled(api, "POST", "/v1/login", json=body)
            assert answer.status_code in {401, 429}, f"a used code worked again: {answer.text}"
        assert await connection.fetchval(_SPENT) == spent, "a used code worked again, and its answer was a 503"
        assert await connection.fetch(_HALVES) == [], "an act was done by half"
    finally:
        await connection.close()


async def _settled(api: httpx.AsyncClient, method: str, path: str, *, headers: Any = None, json: Any = None) -> Any:
    """The answer that follows any 503: a connection of the pool may be from before the fault."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await api.request(method, path, json=json, headers=(headers or {}) | somewhere())
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(0.2)


_SPENT = "SELECT count(*) FROM events WHERE type = 'recovery_code.used'"
# A recovery code is spent exactly where a log-in by it is in the events.
_HALVES = """
SELECT account_id,
       count(*) FILTER (WHERE type = 'recovery_code.used') AS spent,
       count(*) FILTER (WHERE type = 'login.succeeded' AND details::text LIKE '%recovery_code%') AS bought
FROM events WHERE account_id IS NOT NULL GROUP BY account_id
HAVING count(*) FILTER (WHERE type = 'recovery_code.used')
    <> count(*) FILTER (WHERE type = 'login.succeeded' AND details::text LIKE '%recovery_code%')
"""
