"""Policies, deadlines and tickets against what happens at the same moment, over two processes."""

from collections.abc import Awaitable, Sequence
from datetime import timedelta

import httpx
import pytest

from app.clients.domain import Role
from tests.attacks.test_races import both_ways
from tests.support.people import PASSWORD, totp_code
from tests.support.processes import Answers, Person, Processes, no_fault, statuses, winners

pytestmark = pytest.mark.anyio
EXEMPT = {"two_factor_policy": "exempt", "reason": "A kiosk."}
REQUIRED = {"two_factor_policy": "required"}
DISABLED = {"status": "disabled"}


async def set_policy(processes: Processes, person: Person, body: dict[str, str]) -> httpx.Response:
    auth = await processes.client(Role.ADMIN)
    return await processes.call("PATCH", f"/v1/admin/accounts/{person.id}", body, auth=auth)


async def raced(
    processes: Processes, calls: Sequence[Awaitable[httpx.Response]], *, hold: Person | None = None
) -> Answers:
    answers = await processes.race(calls, hold=hold)
    no_fault(answers)
    # A deadline is a moment, and the clocks of two processes differ by some microseconds.
    processes.clock.advance(timedelta(seconds=1))
    return answers


async def begun(processes: Processes, person: Person) -> dict[str, str]:
    """The body that confirms what a ticket has begun."""
    secret = (await processes.log_in(person)).json()["ticket"]
    answer = await processes.post("/v1/login/enrollment", {"ticket": secret})
    assert answer.status_code == 201, answer.text
    return {"ticket": secret, "code": totp_code(answer.json()["secret"], processes.clock.at)}


async def test_a_ticket_used_twice_logs_in_once(processes: Processes) -> None:
    person = await processes.someone()
    await set_policy(processes, person, REQUIRED)
    body = await begun(processes, person)
    tries = [processes.post("/v1/login/enrollment/confirm", body, at=number) for number in range(2)]
    answers = await raced(processes, tries, hold=person)
    assert len(winners(answers)) == 1
    assert statuses(answers) in ({200: 1, 401: 1}, {200: 1, 409: 1})
    assert await processes.alive(winners(answers)[0].json()["grant"]["access_token"])


async def test_a_ticket_against_a_reset_by_an_operator(processes: Processes) -> None:
    person = await processes.someone()
    await set_policy(processes, person, REQUIRED)
    body = await begun(processes, person)
    auth = await processes.client(Role.ADMIN)
    reset = processes.post(f"/v1/admin/accounts/{person.id}/2fa/reset", {"reason": "Lost."}, auth=auth)
    answers = await raced(processes, [processes.post("/v1/login/enrollment/confirm", body), reset], hold=person)
    assert answers[0].status_code in {200, 401, 409}
    assert answers[1].status_code == 200
    # Whichever came first, the operator has the last word, and the account is overdue.
    assert (await processes.log_in(person)).json()["status"] == "enrollment_required"
    if answers[0].is_success:
        assert not await processes.alive(answers[0].json()["grant"]["access_token"])


async def test_a_ticket_against_a_disabled_account(processes: Processes) -> None:
    person = await processes.someone()
    await set_policy(processes, person, REQUIRED)
    body = await begun(processes, person)
    tries = [processes.post("/v1/login/enrollment/confirm", body), set_policy(processes, person, DISABLED)]
    confirmed, disabled = await raced(processes, tries, hold=person)
    assert disabled.status_code == 200
    assert confirmed.status_code in {200, 401}
    if confirmed.is_success:
        assert not await processes.alive(confirmed.json()["grant"]["access_token"])
    assert (await processes.post("/v1/login/enrollment", {"ticket": body["ticket"]})).status_code == 401


async def test_a_ticket_against_a_deletion(processes: Processes) -> None:
    person = await processes.someone()
    await set_policy(processes, person, REQUIRED)
    body = await begun(processes, person)
    auth = await processes.client(Role.ADMIN)
    deletion = processes.call("DELETE", f"/v1/admin/accounts/{person.id}", auth=auth)
    answers = await raced(processes, [processes.post("/v1/login/enrollment/confirm", body), deletion], hold=person)
    assert answers[1].status_code == 204
    assert answers[0].status_code in {200, 401}
    if answers[0].is_success:
        assert not await processes.alive(answers[0].json()["grant"]["access_token"])
    for table in ("authenticators", "authenticator_enrollments", "enrollment_tickets", "outbox"):
        assert await processes.rows(f"SELECT FROM {table} WHERE account_id = $1", person.id) == [], table


@both_ways
async def test_an_exemption_against_a_log_in(processes: Processes, held: bool) -> None:  # noqa: FBT001
    person = await processes.someone(session=False)
    await set_policy(processes, person, REQUIRED)
    tries = [processes.log_in(person), set_policy(processes, person, EXEMPT)]
    answers = await raced(processes, tries, hold=person if held else None)
    assert statuses(answers) == {200: 2}
    if answers[0].json()["status"] == "authenticated":
        assert await processes.alive(answers[0].json()["access_token"])
    else:
        assert answers[0].json()["status"] == "enrollment_required"
    assert (await processes.log_in(person)).json()["status"] == "authenticated"


@both_ways
async def test_a_policy_against_a_log_in(processes: Processes, held: bool) -> None:  # noqa: FBT001
    person = await processes.someone(session=False)
    tries = [processes.log_in(person), set_policy(processes, person, REQUIRED)]
    answers = await raced(processes, tries, hold=person if held else None)
    assert statuses(answers) == {200: 2}
    if answers[0].json()["status"] == "authenticated":
        assert not await processes.alive(answers[0].json()["access_token"])


@both_ways
async def test_a_policy_against_an_enrollment(processes: Processes, held: bool) -> None:  # noqa: FBT001
    person = await processes.someone()
    tries = [await confirming(processes, person), set_policy(processes, person, REQUIRED)]
    answers = await raced(processes, tries, hold=person if held else None)
    assert answers[0].status_code in {200, 401}
    if answers[0].is_success:
        assert await processes.alive(answers[0].json()["grant"]["access_token"])
    else:
        assert (await processes.log_in(person)).json()["status"] == "enrollment_required"


async def confirming(processes: Processes, person: Person) -> Awaitable[httpx.Response]:
    """The call that ends an enrollment which has begun."""
    began = await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
    assert began.status_code == 201, began.text
    code = {"code": totp_code(began.json()["secret"], processes.clock.at)}
    return processes.post("/v1/me/2fa/confirm", code, token=person.token)


@both_ways
async def test_a_policy_against_a_disabling(processes: Processes, held: bool) -> None:  # noqa: FBT001
    person = await processes.someone(two_factor=True)
    disabling = processes.post("/v1/me/2fa/disable", {"password": PASSWORD}, token=person.token)
    tries = [disabling, set_policy(processes, person, REQUIRED)]
    answers = await raced(processes, tries, hold=person if held else None)
    assert answers[0].status_code in {200, 409}
    status = (await processes.log_in(person)).json()["status"]
    assert status == ("enrollment_required" if answers[0].is_success else "two_factor_required")
