"""Two processes that can be ended and started again while a test walks through them; the worker's part is done here."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from app.clients.domain import Role
from app.mail.domain import unpack
from app.services import Services, build_services
from tests.support.documented import must_be_documented
from tests.support.marks import PATIENCE
from tests.support.people import bearer, quick_settings
from tests.support.processes import SteppedClock, replica
from tests.support.service import Process, over

_WRITTEN_WITHIN = PATIENCE
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class _Running:
    stack: ExitStack
    process: Process
    api: httpx.AsyncClient
    bare: httpx.AsyncClient
    """Knows the client's secret, and holds nothing against the document: the same few answers, thousands of times."""


@dataclass
class Pair:
    """Calls are plain functions, so that a state machine of hypothesis can make them."""

    portal: BlockingPortal
    database_url: str
    folder: Path
    env: dict[str, str]
    clock: SteppedClock
    services: Services
    restarts: int
    """How many are left: each takes seconds."""
    client: httpx.BasicAuth
    _names: Iterator[int] = field(default_factory=count)
    _running: list[_Running] = field(default_factory=list)

    def start(self) -> None:
        stack = ExitStack()
        address, process = stack.enter_context(replica(next(self._names), self.folder / "clock", self.env, self.folder))
        hooks: dict[str, list[Any]] = {"response": [must_be_documented]}
        api = httpx.AsyncClient(base_url=address, timeout=PATIENCE, event_hooks=hooks)
        bare = httpx.AsyncClient(base_url=address, timeout=PATIENCE, auth=self.client)
        self._running.append(_Running(stack, process, api, bare))

    def stop(self, *, hard: bool = False) -> None:
        """The one that has run longest."""
        ended = self._running.pop(0)
        if hard:
            ended.process.kill()
        ended.stack.close()
        self.portal.call(ended.api.aclose)
        self.portal.call(ended.bare.aclose)

    def restart(self, *, hard: bool) -> None:
        if self.restarts:
            self.restarts -= 1
            self.stop(hard=hard)
            self.start()

    def close(self) -> None:
        while self._running:
            self.stop()

    def call(
        self, process: int, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = {"X-Forwarded-For": "10.9.8.7", **(bearer(token) if token else {})}

        async def ask() -> httpx.Response:
            return await self._running[process].api.request(method, path, json=body, headers=headers, **more)

        return self.portal.call(ask)

    def look(
        self, process: int, tokens: Sequence[str], accounts: Sequence[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What this process says of tokens, by introspection, and of accounts, to an operator: all at once."""
        api = self._running[process].bare

        async def ask() -> list[httpx.Response]:
            response = [api.post("/v1/introspect", data={"token": token}) for token in tokens]
            return await asyncio.gather(*response, *(api.get(f"/v1/admin/accounts/{id}") for id in accounts))

        answers = self.portal.call(ask)
        assert {answer.status_code for answer in answers} <= {200}
        result = [answer.json() for answer in answers]
        return result[: len(tokens)], result[len(tokens) :]

    def links(self, account_id: str) -> list[str]:
        """The secrets of reset links, once the worker has answered; the oldest first."""
        self._answer(self.services.password_reset.answer_requests)
        return self.mailed(account_id, "password_reset")

    def address_links(self, account_id: str) -> list[str]:
        """The same of links to other addresses."""
        self._answer(self.services.email_change.answer_requests)
        return self.mailed(account_id, "email_change")

    def _answer(self, requests: Callable[[], Awaitable[int]]) -> None:
        async def answer() -> None:
            while await requests():
                pass

        self.portal.call(answer)

    def mailed(self, account_id: str, kind: str) -> list[str]:
        """The secrets in the mails of this kind; the oldest first."""
        owner = UUID(account_id)

        async def read() -> list[str]:
            connection = await asyncpg.connect(self.database_url)
            try:
                query = "SELECT sealed, created_at FROM outbox WHERE account_id = $1 AND letter = $2 ORDER BY id"
                rows = await connection.fetch(query, owner, kind)
            finally:
                await connection.close()
            mails = [unpack(self.services.secret_box.open(row[0], owner=owner), at=row[1]) for row in rows]
            return [str(kind.facts["token"]) for kind in mails]

        return self.portal.call(read)

    def let_uses_be_written(self, tokens: Mapping[str, str], since: datetime) -> None:
        """Returns once each of these live tokens (id and secret) was used at `since` or later, as the database says.

        Uses are noted in the memory of a process and written within a second. Where the other process writes the same
        row at that moment, a use is passed over and made once more.
        """
        deadline = time.monotonic() + _WRITTEN_WITHIN
        unwritten = self.portal.call(self._unwritten, list(tokens), since)
        while unwritten:
            time.sleep(_LOOK_SECONDS)
            for process in range(len(self._running)):
                self.call(process, "GET", "/v1/me/tokens?limit=1", token=tokens[unwritten[0]])
            unwritten = self.portal.call(self._unwritten, unwritten, since)
            assert time.monotonic() < deadline, f"{len(unwritten)} uses are not written"

    async def _unwritten(self, ids: Sequence[str], since: datetime) -> list[str]:
        connection = await asyncpg.connect(self.database_url)
        try:
            query = "SELECT id FROM tokens WHERE id = ANY($1) AND (last_used_at IS NULL OR last_used_at < $2)"
            return [str(row[0]) for row in await connection.fetch(query, [UUID(id) for id in ids], since)]
        finally:
            await connection.close()


@contextmanager
def pair(database_url: str, folder: Path, settings: dict[str, str], *, restarts: int) -> Iterator[Pair]:
    """`settings` are the environment's; a client with both roles is made here."""
    clock = SteppedClock(folder / "clock")
    env = over(database_url, TWOKEYS_RUN_WORKER="false", TWOKEYS_CONSOLE="false", **settings)
    params: dict[str, Any] = {name.removeprefix("TWOKEYS_").lower(): value for name, value in settings.items()}
    ours = quick_settings(
        database_url,
        **params,
    )
    with start_blocking_portal() as portal:
        services = build_services(ours, clock)
        made = portal.call(services.clients.create, "model", tuple(Role))
        auth = httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())
        found = Pair(portal, database_url, folder, env, clock, services, restarts, auth)
        try:
            for _ in range(2):
                found.start()
            yield found
        finally:
            found.close()
            portal.call(services.close)
