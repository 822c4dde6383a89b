"""`kill -9` at each step of each act: before each statement, before and during COMMIT, before the answer."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from app.mail.domain import NOTICE_WINDOW
from app.services import build_services
from tests.faults.account_state import Changes, account_state, changes, is_at_work, unexplained
from tests.faults.acts import ACTS, Act, Scene
from tests.faults.following import LOCAL, LOCAL_ENVIRONMENT
from tests.faults.killable import COMMITTING, DIES_AT, MAIL_ROUND, PROCESS, STEPS, WEBHOOK_ROUND
from tests.support.documented import must_be_documented
from tests.support.marks import PATIENCE
from tests.support.people import NEW_PASSWORD, an_operator, quick_settings
from tests.support.postgres import Server
from tests.support.processes import Person, Processes, SteppedClock
from tests.support.receiving import MailSink, Receiver
from tests.support.service import free_port, over, running, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
EVERY_STEP = bool(os.environ.get("TWOKEYS_TEST_FAULTS"))
LEASE = timedelta(seconds=31)
_LINK = re.compile(r"#/password-reset/(tkr_[A-Za-z0-9_-]{43})")
_WITHIN = PATIENCE
_CLAIM, _MARK = "before WITH due", "before UPDATE outbox"
_RELEASE = "before UPDATE webhook_lanes"


@dataclass(frozen=True)
class KillableService:
    """One process after the other; `processes` speaks to the one that lives, and `sink` gets their mail."""

    processes: Processes
    sink: MailSink

    async def send_mail(self, **headers: str) -> httpx.Response:
        return await self.processes.call("POST", MAIL_ROUND, headers=headers)

    async def send_webhooks(self, **headers: str) -> httpx.Response:
        return await self.processes.call("POST", WEBHOOK_ROUND, headers=headers)

    def mails_to(self, person: Person) -> list[str]:
        """The id of each mail that the server took."""
        return [str(each["Message-ID"]) for each in self.sink.messages if str(each["To"]) == person.email]

    async def settle(self) -> None:
        """Until the server is done with whatever the dead one began."""
        async with asyncio.timeout(_WITHIN):
            while await is_at_work(self.processes):  # noqa: ASYNC110 - another program has no event
                await asyncio.sleep(0.002)


@pytest.fixture(scope="module")
async def killable(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KillableService]:
    name = "crashes"
    url = await postgres.clone(name)
    folder: Path = await asyncio.to_thread(tmp_path_factory.mktemp, "killable")
    clock, port = SteppedClock(folder / "clock"), free_port()
    services = build_services(quick_settings(url, **LOCAL), clock)
    async with MailSink().running() as sink:
        env = over(
            url,
            TWOKEYS_TRUSTED_PROXIES="127.0.0.0/8",
            TWOKEYS_RUN_WORKER="false",
            TWOKEYS_CONSOLE="false",
            TWOKEYS_MAIL="on",
            TWOKEYS_SMTP_URL=sink.url,
            **LOCAL_ENVIRONMENT,
        )
        address = f"http://127.0.0.1:{port}"
        # A connection that is kept would lead to a process that has died meanwhile.
        client = httpx.AsyncClient(
            base_url=address,
            timeout=_WITHIN,
            limits=httpx.Limits(max_keepalive_connections=0),
            event_hooks={"response": [must_be_documented]},
        )
        command, module = (str(port), str(folder / "clock")), "tests.faults.killable"
        with running(*command, env=env, cwd=folder, module=module) as process:
            await asyncio.to_thread(wait_until_ready, address, process, folder)
            processes = Processes((address,), (client,), clock, services, url, folder)
            yield KillableService(processes, sink)
            await processes.close()
    await postgres.drop(name)


@dataclass(frozen=True)
class Outcome:
    """What an act does where nobody dies, and the steps that it takes."""

    steps: list[str]
    changes: Changes
    alive: list[bool]

    def chosen(self) -> list[int]:
        """All steps, or the three around the moment in which it happens."""
        if EVERY_STEP:
            return list(range(1, len(self.steps) + 1))
        # What is one statement has no COMMIT; then it is the last statement but the answer.
        commits = [number for number, step in enumerate(self.steps, 1) if step == "COMMIT in flight"]
        moment = commits[-1] if commits else len(self.steps) - 2
        return [moment - 1, moment, moment + 1]


async def alive(processes: Processes, scene: Scene) -> list[bool]:
    return [await processes.alive(token) for token in scene.watched]


async def undisturbed(killable: KillableService, act: Act) -> Outcome:
    processes = killable.processes
    scene = await act.prepare(processes)
    before = await account_state(processes, scene.person)
    answer = await scene.play(processes)
    assert answer.status_code == act.done, answer.text
    found = changes(before, await account_state(processes, scene.person))
    assert found, "it changes something"
    return Outcome(answer.headers[STEPS].split(", "), found, await alive(processes, scene))


async def kill(processes: Processes, answer: httpx.Response) -> None:
    """The process that has just given this answer."""
    process = int(answer.headers[PROCESS])
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
        async with asyncio.timeout(_WITHIN):
            while True:
                os.kill(process, 0)
                await asyncio.sleep(0.001)


async def die_at(killable: KillableService, act: Act, step: int, outcome: Outcome) -> bool:
    """Returns whether the act had happened."""
    processes = killable.processes
    scene = await act.prepare(processes)
    before, living = await account_state(processes, scene.person), await alive(processes, scene)
    assert all(living)
    with pytest.raises(httpx.TransportError):
        await scene.play(processes, **{DIES_AT: str(step)})
    await killable.settle()

    left = changes(before, await account_state(processes, scene.person))
    happened = left == outcome.changes
    assert happened or not left, f"done by half: {left} of {outcome.changes}"
    assert await alive(processes, scene) == (outcome.alive if happened else living)

    repeated = await scene.play(processes)
    assert repeated.status_code == (act.again if happened else act.done), repeated.text
    await kill(processes, repeated)
    if not happened:
        assert changes(before, await account_state(processes, scene.person)) == outcome.changes, "a 2xx was lost"
        assert await alive(processes, scene) == outcome.alive
    once_more = await scene.play(processes)
    assert once_more.status_code == act.again, once_more.text
    # What has ended stays ended, whatever came after.
    assert not any(now and not then for now, then in zip(await alive(processes, scene), outcome.alive, strict=True))
    await all_letters_leave_once(killable, scene.person)
    return happened


async def all_letters_leave_once(killable: KillableService, person: Person) -> None:
    # A fourth notice of a kind waits for more; and the clocks of two processes differ by some microseconds.
    killable.processes.clock.advance(NOTICE_WINDOW + timedelta(seconds=1))
    await killable.send_mail()
    queued = await killable.processes.mails(person)
    mails = killable.mails_to(person)
    assert len(mails) == len(set(mails))
    # A deletion takes the mails along, sent or not.
    assert len(mails) == len(queued) or not queued


@pytest.mark.parametrize("act", [act for act in ACTS if act.brief or EVERY_STEP], ids=str)
async def test_a_process_killed_at_any_step_leaves_an_act_whole_or_undone(killable: KillableService, act: Act) -> None:
    outcome = await undisturbed(killable, act)
    happened = [await die_at(killable, act, step, outcome) for step in outcome.chosen()]
    # Shown by `pytest -rP`, for docs/evidence/reliability.md.
    print(f"{act}: {len(happened)} kills at {outcome.steps}; {sum(happened)} had happened")
    assert {True, False} == set(happened), "killed on both sides of the moment in which it happens"
    assert happened == sorted(happened), "what has happened stays so"
    assert await unexplained(killable.processes) == []


async def test_a_mail_leaves_once_wherever_the_worker_dies_and_twice_where_it_had_just_left(
    killable: KillableService,
) -> None:
    processes = killable.processes

    async def a_wish() -> Person:
        """The only thing that there is to do for the next round."""
        processes.clock.advance(timedelta(seconds=1))
        await killable.send_mail()
        person = await processes.someone(session=False)
        assert (await processes.post("/v1/password-reset", {"email": person.email})).status_code == 202
        return person

    await a_wish()
    steps = (await killable.send_mail()).headers[STEPS].split(", ")
    # The request becomes a mail; the mail is claimed, sent, and marked as sent.
    written = steps.index(COMMITTING) + 1
    claimed, marking = steps.index(_CLAIM) + 1, steps.index(_MARK) + 1
    chosen = range(1, len(steps) + 1) if EVERY_STEP else [written - 1, written, written + 1, claimed + 1, marking]
    for step in chosen:
        person = await a_wish()
        with pytest.raises(httpx.TransportError):
            await killable.send_mail(**{DIES_AT: str(step)})
        await killable.settle()
        assert len(killable.mails_to(person)) == (step >= marking)
        for _ in range(2):
            # A mail that the dead process had claimed is free again then.
            processes.clock.advance(LEASE)
            await killable.send_mail()
        mails = killable.mails_to(person)
        assert len(mails) == (2 if step == marking else 1)
        assert len(set(mails)) == 1, "a second copy has the id of the first, so that a mailbox may drop it"
        links = {found for each in killable.sink.messages for found in _LINK.findall(text_of(each, person))}
        assert len(links) == 1
        body = {"token": links.pop(), "new_password": NEW_PASSWORD}
        assert (await processes.post("/v1/password-reset/confirm", body)).status_code == 200
    print(f"worker: {len(chosen)} kills at {steps}")


def text_of(message: EmailMessage, person: Person) -> str:
    """Empty for a mail to somebody else."""
    part = message.get_body(("plain",))
    return part.get_content() if part is not None and str(message["To"]) == person.email else ""


async def test_an_event_arrives_in_its_turn_wherever_the_deliverer_dies(killable: KillableService) -> None:
    processes = killable.processes
    person = await processes.someone(session=False)
    async with Receiver().running() as receiver:
        await processes.services.webhooks.create(
            receiver.url, ["tokens.revoked"], None, an_operator(processes.services)
        )

        async def rounds(**headers: str) -> list[str]:
            """The steps in which one more event arrives; other databases may hold it back for a moment."""
            await processes.services.access.revoke_tokens(person.id, "Asked for it.", an_operator(processes.services))
            steps: list[str] = []
            async with asyncio.timeout(_WITHIN):
                while _RELEASE not in steps:
                    steps = (await killable.send_webhooks(**headers)).headers[STEPS].split(", ")
            return steps

        steps = await rounds()
        queued, sent = steps.index(COMMITTING) + 1, steps.index(_RELEASE) + 1
        chosen = range(1, len(steps) + 1) if EVERY_STEP else [queued - 1, queued, queued + 1, sent, sent + 3, sent + 4]
        for step in chosen:
            with pytest.raises(httpx.TransportError):
                await rounds(**{DIES_AT: str(step)})
            await killable.settle()
            # What the dead process had claimed is free again then.
            processes.clock.advance(LEASE)
            await killable.send_webhooks()
        await rounds()
        await processes.services.webhook_delivery.stop()
    arrived = [each.event["data"]["details"]["epoch"] for each in receiver.received]
    # Shown by `pytest -rP`, for docs/evidence/reliability.md.
    print(f"deliverer: {len(chosen)} kills at {steps}; {arrived}")
    assert list(dict.fromkeys(arrived)) == list(range(1, len(chosen) + 3))
    assert arrived == sorted(arrived)


async def test_whoever_can_kill_the_process_wins_no_guess(killable: KillableService) -> None:
    """The attempt is counted before the look, so it stays counted where nobody lived to see the code refused."""
    processes = killable.processes
    person = await processes.someone(two_factor=True)
    body = {"email": person.email, "password": person.password, "code": processes.wrong_code(person)}
    refused = await processes.post("/v1/login", body)
    assert refused.json()["attempts_remaining"] == 9
    # The refusal is recorded in the only transaction; before it begins, the code has been looked at.
    looked = refused.headers[STEPS].split(", ").index("before COMMIT")
    for _ in range(9):
        with pytest.raises(httpx.TransportError):
            await processes.post("/v1/login", body, headers={DIES_AT: str(looked)})
    right = await processes.log_in(person, code=processes.code(person))
    assert (right.status_code, right.json()["code"]) == (429, "too_many_attempts")
