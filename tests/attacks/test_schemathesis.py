"""Every call of the OpenAPI document with whatever fits the document, and with what does not quite.

A process of its own answers over HTTP. No fault but a deliberate 503; status, headers, content type and shape are those
of the document; what does not fit is refused; and no refusal repeats what was sent. `make test` sends the same few
hundred requests each time, `make test-long` many more and new ones.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis import checks as known
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from sqlalchemy import select

from app.clients.domain import Role
from app.kernel.clock import SystemClock
from app.mail.domain import unpack
from app.mail.tables import outbox
from app.services import build_services
from tests.attacks.conftest import LONG
from tests.support.marks import PATIENCE
from tests.support.people import NEW_PASSWORD, PASSWORD, quick_settings
from tests.support.postgres import Server
from tests.support.processes import SteppedClock, replica
from tests.support.service import over

DOCUMENT = schemathesis.openapi.from_path(Path(__file__).resolve().parents[2] / "openapi" / "openapi.json")
# The fuzzer writes no NDJSON; tests/imports sends hostile lines.
OPERATIONS = [
    found.ok()
    for found in DOCUMENT.get_all_operations()
    if isinstance(found, Ok) and found.ok().path != "/v1/admin/imports"
]
# Generic in parameters that say nothing here.
Operation = Any
Case = Any
SHORTEST_ECHO = 8
GOOD = {
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": NEW_PASSWORD,
    "code": "123456",
    "description": "made by a fuzzer",
    "reason": "fuzzed",
}
_numbers = count(1)
LINKS = {
    "/v1/password-reset/check": ("password_reset", "token"),
    "/v1/password-reset/confirm": ("password_reset", "token"),
    "/v1/email-change/confirm": ("email_change", "token"),
    "/v1/email-change/undo": ("email_changed", "token"),
    "/v1/not-me": ("password_changed", "not_me"),
}
"""The mails whose links these calls take, and the name of each link's secret."""


@dataclass
class Target:
    """The process under fire, and who fires."""

    address: str
    client: tuple[str, str]
    database_url: str
    clock: SteppedClock
    session: requests.Session = field(default_factory=requests.Session)
    token: str = ""
    answers: Counter[str] = field(default_factory=Counter)
    tickets: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def send(self, case: Case) -> Response:
        """With the proof that the call asks for: a walk through closed doors finds little.

        Every second body that fits the document gets values that fit the service as well.
        """
        if (
            crc32(repr(case.body).encode("utf-8", "replace")) % 2
            and case.meta.generation.mode is GenerationMode.POSITIVE
            and isinstance(case.body, dict)
        ):
            good = {**GOOD, "email": f"made{next(_numbers)}@example.com"}
            if "ticket" in case.body:
                good["ticket"] = self.ticket_for(case.operation.path)
            if case.operation.path in LINKS:
                good["token"] = self.link_for(case.operation.path)
            case.body = {name: good.get(name, value) for name, value in case.body.items()}
        schemes = [name for one in case.operation.definition.raw.get("security", ()) for name in one]
        if "client" in schemes:
            return self._call(case, auth=self.client)
        if "token" not in schemes:
            return self._call(case)
        answer = self._call(case, headers={"Authorization": f"Bearer {self.token}"})
        if answer.status_code == 401 or case.operation.path == "/v1/logout":
            self.log_in()
            answer = self._call(case, headers={"Authorization": f"Bearer {self.token}"})
        return answer

    def _call(self, case: Case, **more: Any) -> Response:
        answer: Response = case.call(base_url=self.address, session=self.session, timeout=PATIENCE, **more)
        self.answers[f"{case.operation.label} {answer.status_code}"] += 1
        return answer

    def log_in(self) -> None:
        """Into an account of its own, since a walk may have deleted or disabled the last one."""
        self.token = self._grant(self._account()[1])["access_token"]

    def ticket_for(self, path: str) -> str:
        """Of an account that must enroll first; one for each call, since no code of the fuzzer's uses it up."""
        if path not in self.tickets:
            id, body = self._account()
            required = {"two_factor_policy": "required"}
            where = f"{self.address}/v1/admin/accounts/{id}"
            changed = self.session.patch(where, json=required, auth=self.client, timeout=PATIENCE)
            assert changed.status_code == 200, changed.text
            self.tickets[path] = self._grant(body)["ticket"]
        return self.tickets[path]

    def link_for(self, path: str) -> str:
        """A mailed one that is good until its first use; one for each call."""
        if path not in self.links:
            id, body = self._account()
            proof, moved = {"Authorization": f"Bearer {self._grant(body)['access_token']}"}, f"moved-{body['email']}"
            new = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
            asks: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
                "password_reset": ("POST", "/v1/password-reset", {"email": body["email"]}, {}),
                "email_change": (
                    "POST",
                    "/v1/me/email",
                    {"new_email": moved, "password": PASSWORD},
                    {"headers": proof},
                ),
                "email_changed": ("PATCH", f"/v1/admin/accounts/{id}", {"email": moved}, {"auth": self.client}),
                "password_changed": ("POST", "/v1/me/password", new, {"headers": proof}),
            }
            method, where, content, by = asks[LINKS[path][0]]
            answer = self.session.request(method, self.address + where, json=content, timeout=PATIENCE, **by)
            assert answer.ok, answer.text
            self.links[path] = asyncio.run(_mailed(self.database_url, self.clock, UUID(id), *LINKS[path]))
        return self.links[path]

    def _account(self) -> tuple[str, dict[str, str]]:
        """Its id, and what it logs in with."""
        body = {"email": f"fuzzed{next(_numbers)}@example.com", "password": PASSWORD}
        made = self.session.post(f"{self.address}/v1/admin/accounts", json=body, auth=self.client, timeout=PATIENCE)
        assert made.status_code == 201, made.text
        return made.json()["id"], body

    def _grant(self, body: dict[str, str]) -> dict[str, str]:
        answer = self.session.post(f"{self.address}/v1/login", json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found


@pytest.fixture(scope="module")
def target(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    name = "fuzzed"
    url = asyncio.run(postgres.clone(name))
    folder = tmp_path_factory.mktemp("fuzzed")
    clock = SteppedClock(folder / "clock")
    endless = {
        f"TWOKEYS_{limit}": "1000000"
        for limit in (
            "REQUESTS_PER_CLIENT_MINUTE",
            "WRONG_PASSWORDS_PER_CLIENT",
            "WRONG_PASSWORDS_PER_ACCOUNT",
            "WRONG_CODES_PER_ACCOUNT",
            "WRONG_CODES_UNTIL_RESET",
        )
    }
    env = over(url, TWOKEYS_RUN_WORKER="false", TWOKEYS_CONSOLE="false", **endless)
    client = asyncio.run(_a_client(url))
    with replica(0, folder / "clock", env, folder) as (address, _):
        found = Target(address, client, url, clock)
        # A kept connection might be closed by the server at the moment of a request.
        found.session.headers["Connection"] = "close"
        found.log_in()
        yield found
        found.session.close()
    # Shown by `pytest -rA`.
    print(f"{sum(found.answers.values())} requests", *sorted(found.answers.items()), sep="\n")  # noqa: T201
    asyncio.run(postgres.drop(name))


async def _a_client(url: str) -> tuple[str, str]:
    ours = quick_settings(url)
    services = build_services(ours, SystemClock())
    made = await services.clients.create("fuzzer", tuple(Role))
    await services.close()
    return str(made.client.id), made.secret.get_secret_value()


async def _mailed(url: str, clock: SteppedClock, account_id: UUID, kind: str, fact: str) -> str:
    """Out of the newest such mail, once the worker has answered."""
    services = build_services(quick_settings(url), clock)
    while await services.password_reset.answer_requests() + await services.email_change.answer_requests():
        continue
    mine = (outbox.c.account_id == account_id) & (outbox.c.letter == kind)
    query = select(outbox.c.sealed, outbox.c.created_at).where(mine).order_by(outbox.c.id.desc())
    async with services.database.autocommit() as connection:
        row = (await connection.execute(query)).first()
    assert row is not None
    found = unpack(services.secret_box.open(row.sealed, owner=account_id), at=row.created_at)
    await services.close()
    return str(found.facts[fact])


CONFORM = [
    known.status_code_conformance,
    known.content_type_conformance,
    known.response_headers_conformance,
    known.response_schema_conformance,
]


def takes(operation: Operation) -> bool:
    """Whether anything is sent that could be wrong."""
    raw = operation.definition.raw
    return "requestBody" in raw or any(one["in"] != "header" for one in raw.get("parameters", ()))


def texts(value: Any) -> Iterator[str]:
    """Every value that was sent. The name of a field is none: a refusal points to it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def must_be_in_order(case: Case, answer: Response) -> None:
    message = f"{case.as_curl_command()}\n{answer.status_code} {answer.text}"
    assert answer.status_code < 500 or answer.status_code == 503, message
    if answer.status_code < 400:
        return
    problem = answer.json()
    assert problem["status"] == answer.status_code, message
    output = " ".join([problem["detail"], *texts(problem.get("errors", []))])
    for value in texts([case.body, dict(case.query or {}), dict(case.path_parameters or {})]):
        if len(value) >= SHORTEST_ECHO and value not in problem["title"]:
            assert value not in output, f"{value!r} comes back: {message}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_what_fits_the_document_is_answered_as_the_document_says(target: Target, operation: Operation) -> None:
    fire(target, operation, GenerationMode.POSITIVE)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if takes(one)], ids=lambda operation: operation.label)
def test_what_does_not_fit_is_refused_as_the_document_says(target: Target, operation: Operation) -> None:
    fire(target, operation, GenerationMode.NEGATIVE)


def fire(target: Target, operation: Operation, mode: GenerationMode) -> None:
    @settings(
        max_examples=200 if LONG else 8,
        derandomize=not LONG,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
    )
    # The proof is put in when a request goes out, so the fuzzer need not bother with it.
    @given(case=operation.as_strategy(generation_mode=mode, headers={"Authorization": "Basic Og=="}))
    def shoot(case: Case) -> None:
        answer = target.send(case)
        must_be_in_order(case, answer)
        case.validate_response(answer, checks=[*CONFORM, known.negative_data_rejection])

    shoot()


def test_calls_that_follow_from_each_other_are_answered_as_the_document_says(target: Target) -> None:
    """Ids out of one answer go into the next call: accounts that are made, changed, deleted and asked for again."""

    class Chain(DOCUMENT.as_state_machine()):  # type: ignore[misc]
        def call(self, case: Case, **_: Any) -> Response:
            return target.send(case)

        def validate_response(self, response: Response, case: Case, **_: Any) -> None:
            must_be_in_order(case, response)
            case.validate_response(response, checks=[*CONFORM, known.use_after_free])

    Chain.run(
        settings=settings(
            # The same in the long form: which call can follow depends on what earlier ones left in the service.
            max_examples=8,
            stateful_step_count=10,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        )
    )
