"""Changes of an address race whatever else happens to an account, over two processes: each has one winner."""

import asyncio
from collections.abc import Awaitable
from itertools import count

import httpx
import pytest

from app.clients.domain import Role
from tests.attacks.test_races import Calls, both_ways, ends, many, no_deadlock, run  # noqa: F401 - a fixture
from tests.support.people import NEW_PASSWORD, PASSWORD
from tests.support.processes import Person, Processes, statuses, winners

pytestmark = pytest.mark.anyio
_numbers = count()


def an_address() -> str:
    return f"moved{next(_numbers)}@example.org"


async def address_of(processes: Processes, person: Person) -> str:
    [row] = await processes.rows("SELECT address FROM accounts WHERE id = $1", person.id)
    return str(row[0])


def confirming(processes: Processes, token: str) -> Awaitable[httpx.Response]:
    return processes.post("/v1/email-change/confirm", {"token": token})


def undoing(processes: Processes, token: str) -> Awaitable[httpx.Response]:
    return processes.post("/v1/email-change/undo", {"token": token})


def resetting(processes: Processes, token: str) -> Awaitable[httpx.Response]:
    return processes.post("/v1/password-reset/confirm", {"token": token, "new_password": NEW_PASSWORD})


async def moved(processes: Processes) -> tuple[Person, Person, str]:
    """Somebody as before, and under another address with a session; and the link that leads back."""
    person = await processes.someone()
    there = Person(person.id, an_address())
    back = await processes.undo_token(person, there.email)
    return person, Person(there.id, there.email, await processes.session(there)), back


@both_ways
async def test_of_one_link_one_counts(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone()
        token = await processes.address_token(person, an_address())
        answers = await run(processes, person, [confirming(processes, token) for _ in many(held)], held=held)
        assert len(winners(answers)) == 1, statuses(answers)
        assert ends(answers) <= {200, 410}
        assert (await processes.mails(person)).count("email_changed") == 1


@both_ways
async def test_of_two_links_of_one_account_one_counts(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone()
        wanted = [an_address(), an_address()]
        links = [await processes.address_token(person, email) for email in wanted]
        answers = await run(processes, person, [confirming(processes, links[n % 2]) for n in many(held)], held=held)
        [won] = winners(answers)
        assert await address_of(processes, person) == won.json()["email"]


async def test_of_two_accounts_one_gets_an_address(processes: Processes, rounds: int) -> None:
    for _ in range(rounds):
        email = an_address()
        ada, eve = await processes.someone(), await processes.someone()
        links = [await processes.address_token(person, email) for person in (ada, eve)]
        calls: Calls = [confirming(processes, links[n % 2]) for n in range(8)]
        admin = await processes.client(Role.ADMIN)
        calls.append(processes.post("/v1/admin/accounts", {"email": email, "password": PASSWORD}, auth=admin))
        made, *confirmed = reversed(await run(processes, ada, calls, held=False))
        assert ends(confirmed) <= {200, 410}
        assert made.status_code in {201, 409}
        assert len(winners([made, *confirmed])) == 1


@both_ways
async def test_a_change_or_a_reset_counts(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person = await processes.someone()
        token = await processes.address_token(person, an_address())
        calls = [confirming(processes, token), resetting(processes, await processes.reset_token(person))]
        changed, reset = await run(processes, person, calls, held=held)
        assert sorted([changed.status_code, reset.status_code]) == [200, 410]
        assert (await address_of(processes, person) == person.email) == reset.is_success
        assert not await processes.alive(person.token)


@both_ways
async def test_undoing_wins_over_whatever_a_thief_does(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person, thief, back = await moved(processes)
        further = await processes.address_token(thief, an_address())
        body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        calls: Calls = [
            confirming(processes, further),
            resetting(processes, await processes.reset_token(thief)),
            processes.post("/v1/me/password", body, token=thief.token),
            undoing(processes, back),
            undoing(processes, back),
        ]
        *thiefs, first, second = await run(processes, person, calls, held=held)
        assert sorted([first.status_code, second.status_code]) == [200, 410]
        assert ends(thiefs) <= {200, 401, 410}
        assert await address_of(processes, person) == person.email
        for password in (PASSWORD, NEW_PASSWORD):
            assert (await processes.log_in(person, password)).status_code == 401
        for answer in thiefs:
            if "grant" in answer.json():
                assert not await processes.alive(answer.json()["grant"]["access_token"])
        for link in await processes.mailed_tokens(person, "email_changed"):
            assert (await undoing(processes, link)).status_code == 410


@both_ways
@pytest.mark.parametrize("undo", [False, True], ids=["change", "undo"])
async def test_a_deletion_wins(processes: Processes, rounds: int, held: bool, undo: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person, there, back = await moved(processes)
        token = back if undo else await processes.address_token(there, an_address())
        admin = await processes.client(Role.ADMIN)
        calls: Calls = [
            undoing(processes, token) if undo else confirming(processes, token),
            processes.call("DELETE", f"/v1/admin/accounts/{person.id}", auth=admin),
        ]
        answer, deleted = await run(processes, person, calls, held=held)
        assert deleted.status_code == 204
        assert answer.status_code in {200, 410}
        for table in ("email_changes", "email_change_undos", "outbox"):
            found = await processes.rows(f"SELECT FROM {table} WHERE account_id = $1", person.id)
            assert found == [], table


@both_ways
async def test_an_operators_change_ends_the_persons(processes: Processes, rounds: int, held: bool) -> None:  # noqa: FBT001
    for _ in range(rounds):
        person, there, back = await moved(processes)
        chosen = an_address()
        admin = await processes.client(Role.ADMIN)
        calls: Calls = [
            confirming(processes, await processes.address_token(there, an_address())),
            undoing(processes, back),
            processes.call("PATCH", f"/v1/admin/accounts/{person.id}", {"email": chosen}, auth=admin),
        ]
        confirmed, undone, patched = await run(processes, person, calls, held=held)
        assert patched.status_code == undone.status_code == 200
        assert confirmed.status_code in {200, 410}
        assert await address_of(processes, person) in {person.email, chosen}
        assert not await processes.alive(there.token)


async def test_of_two_operators_one_gives_an_address(processes: Processes, rounds: int) -> None:
    for _ in range(rounds):
        email, admin = an_address(), await processes.client(Role.ADMIN)
        people = [await processes.someone(session=False) for _ in range(6)]
        calls: Calls = [
            processes.call("PATCH", f"/v1/admin/accounts/{person.id}", {"email": email}, auth=admin)
            for person in people
        ]
        answers = await run(processes, people[0], calls, held=False)
        assert len(winners(answers)) == 1
        assert ends(answers) <= {200, 409}


async def test_two_workers_send_no_more_links_than_one(processes: Processes) -> None:
    person = await processes.someone()
    for _ in range(5):
        body = {"new_email": an_address(), "password": PASSWORD}
        assert (await processes.post("/v1/me/email", body, token=person.token)).status_code == 202
    await asyncio.gather(*(processes.services.email_change.answer_requests() for _ in range(6)))
    assert (await processes.mails(person)).count("email_change") == 3


async def test_a_taken_address_is_answered_like_a_free_one(processes: Processes) -> None:
    """By the same statements: what the answer's time could tell is done by the worker."""
    person, owner = await processes.someone(), await processes.someone()
    answers = []
    for email in (owner.email, an_address()):
        body = {"new_email": email, "password": PASSWORD}
        answers.append(await processes.post("/v1/me/email", body, token=person.token))
    taken, free = ((answer.status_code, answer.json().keys(), answer.headers.keys()) for answer in answers)
    assert taken == free
    assert await processes.mails(owner) == []
    await processes.services.email_change.answer_requests()
    assert await processes.mails(owner) == ["email_change_taken"]
