"""Nothing tells who has an account: same bytes, same headers. The time is measured by `python -m bench.enumeration`."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import text

from app.accounts.repository import AccountRows
from app.clients.domain import Role
from tests.support.processes import Person, Processes

pytestmark = pytest.mark.anyio
WRONG = "a wrong one entirely"


def shape(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Everything that an answer says, without what is another one for each request."""
    own = answer.headers["x-request-id"]
    headers = {name: value for name, value in answer.headers.items() if name not in {"date", "x-request-id"}}
    return answer.status_code, headers, answer.content.replace(own.encode(), b"*")


async def everybody(processes: Processes) -> dict[str, Person]:
    """One of each kind that an address can be."""
    people = {
        "known": await processes.someone(session=False),
        "with 2fa": await processes.someone(two_factor=True),
        "disabled": await processes.someone(session=False),
        "locked": await processes.someone(two_factor=True),
    }
    admin = await processes.client(Role.ADMIN)
    await processes.call("PATCH", f"/v1/admin/accounts/{people['disabled'].id}", {"status": "disabled"}, auth=admin)
    for number in range(10):
        await processes.log_in(people["locked"], code=processes.wrong_code(people["locked"], number))
    invited = await processes.post("/v1/admin/accounts", {"email": f"new{people['known'].email}"}, auth=admin)
    people["without a password"] = Person(people["known"].id, invited.json()["email"])
    people["unknown"] = Person(people["known"].id, f"no{people['known'].email}")
    return people


async def with_a_wrong_password(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, WRONG)


async def with_a_wrong_password_and_a_code(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, WRONG, code="123456")


async def with_a_password_that_is_too_long(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, "x" * 60_000)


async def for_a_reset(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post("/v1/password-reset", {"email": person.email})


@pytest.mark.parametrize(
    "ask",
    [with_a_wrong_password, with_a_wrong_password_and_a_code, with_a_password_that_is_too_long, for_a_reset],
)
async def test_everybody_gets_the_same_answer(
    processes: Processes, ask: Callable[[Processes, Person], Awaitable[httpx.Response]]
) -> None:
    people = await everybody(processes)
    result = {name: shape(await ask(processes, person)) for name, person in people.items()}
    assert all(each == result["unknown"] for each in result.values()), result
    assert result["unknown"][0] == (202 if ask is for_a_reset else 401)


async def test_a_disabled_account_is_told_nothing_for_its_right_password(processes: Processes) -> None:
    people = await everybody(processes)
    right = shape(await processes.log_in(people["disabled"]))
    assert right == shape(await with_a_wrong_password(processes, people["unknown"]))


async def test_a_wrong_password_with_a_right_code_burns_nothing_and_tells_nothing(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    right = shape(await processes.log_in(person, WRONG, code=person.recovery_codes[0]))
    assert right == shape(await processes.log_in(person, WRONG, code=processes.wrong_code(person)))
    assert (await processes.log_in(person, code=person.recovery_codes[0])).status_code == 200


async def test_a_refused_log_in_locks_a_row_whether_or_not_there_is_an_account(processes: Processes) -> None:
    """A row's lock takes a tenth of a millisecond: without it an unknown address was told by its time, AUC 0.61."""
    person = await processes.someone(session=False)
    locked = text("SELECT count(*) FROM accounts WHERE xmax = pg_current_xact_id()::xid")
    for id in (person.id, None):
        async with processes.services.database.transaction() as connection:
            assert await AccountRows(connection).lock_existence(id) == id
            assert await connection.scalar(locked) == 1


async def test_a_reset_is_asked_for_and_nothing_else_happens(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    tables = ("accounts", "authenticators", "tokens", "outbox", "password_reset_links", "events")
    count = " + ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608 - our own names
    before = await processes.rows(f"SELECT {count}")
    assert (await for_a_reset(processes, person)).status_code == 202
    assert await processes.rows(f"SELECT {count}") == before
    assert await processes.alive(person.token)
