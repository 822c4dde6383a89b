"""A service that dies where a request tells it to: `python -m tests.faults.killable PORT CLOCK_FILE`.

The steps of a request are found from outside, by listening to SQLAlchemy, to what goes past it and to the answer: the
service that runs in production holds no failpoint. `X-Dies-At: 3` kills the process, as `kill -9` does, at the third
step of this request; the answer's `X-Steps` names those that were passed. The next process takes over at once, a fork
of one that has put the app together and serves nobody, and so has nothing to remember.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.database import compiled, driver, engine
from app.database.driver import Record
from app.database.engine import Connection
from app.main import create_app
from app.observability.logs import configure_logs
from app.server.server import listen, run
from app.settings import load_settings
from tests.support.service import FileClock

DIES_AT, STEPS, PROCESS = "x-dies-at", "x-steps", "x-process"
MAIL_ROUND, WEBHOOK_ROUND = "/mail-round", "/webhook-round"
"""One round of the worker's mail or webhooks, as a request, so that it dies where it is told to as well."""
COMMITTING, COMMITTED = "COMMIT in flight", "connection put back"


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class _Life:
    """What one request has lived through, and where it ends."""

    dies_at: int
    steps: list[str] = field(default_factory=list)

    def reach(self, step: str, *, die: Any = _die) -> None:
        self.steps.append(step)
        if len(self.steps) == self.dies_at:
            die()


_life: ContextVar[_Life | None] = ContextVar("life", default=None)


def _on_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if life := _life.get():
        life.reach(f"before {' '.join(statement.split()[:2])}")


async def _ask_driver(connection: Connection, statement: str, params: Sequence[Any]) -> Sequence[Record]:
    _on_statement(connection, None, statement)
    return await driver.ask_driver(connection, statement, params)


_tell_for_good = driver.tell_driver


async def _tell_driver(connection: Connection, command: str) -> str:
    if command == "COMMIT" and (life := _life.get()):
        life.reach("before COMMIT")
        # By the next turn of the loop COMMIT has been sent, and nobody has heard back.
        life.reach(COMMITTING, die=partial(asyncio.get_running_loop().call_soon, _die))
    return await _tell_for_good(connection, command)


def _on_checkin(*_: Any) -> None:
    if life := _life.get():
        life.reach(COMMITTED)


class Killable:
    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        params = dict(scope["headers"])
        life = _Life(int(params.get(DIES_AT.encode(), b"0")))
        _life.set(life)

        async def send_with_steps(message: Message) -> None:
            if message["type"] == "http.response.start":
                life.reach("before the answer")
                reported = {STEPS: ", ".join(life.steps), PROCESS: str(os.getpid())}
                more = [(name.encode(), value.encode()) for name, value in reported.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        worker = self._app.state.services.worker
        rounds = {MAIL_ROUND: worker.send_mail, WEBHOOK_ROUND: worker.send_webhooks}
        if scope["path"] in rounds:
            await rounds[scope["path"]](asyncio.Event())
            await Response(status_code=204)(scope, receive, send_with_steps)
            return
        await self._app(scope, receive, send_with_steps)


def _watch() -> None:
    event.listen(Engine, "before_cursor_execute", _on_statement)
    compiled.ask_driver = _ask_driver  # type: ignore[attr-defined]
    engine.tell_driver = _tell_driver  # type: ignore[attr-defined]
    event.listen(Pool, "checkin", _on_checkin)


def end_at(step: int) -> None:
    """This process, a command, dies at this step of what it does."""
    _watch()
    _life.set(_Life(step))


def main(port: str, clock_file: str) -> int:
    settings = load_settings()
    configure_logs(settings.log_level, as_json=True)
    _watch()
    app = Killable(create_app(settings, FileClock(Path(clock_file))))
    # It stays open over all deaths, so that whoever comes in between waits for the next process.
    listening = listen("127.0.0.1", int(port))
    ours, theirs = Pipe()
    # What is here now no process need look at again.
    gc.collect()
    gc.freeze()
    while True:
        child = os.fork()
        if child == 0:
            ours.close()
            os._exit(run(app, listening, keep_alive_seconds=settings.keep_alive_seconds, lifeline=theirs))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
