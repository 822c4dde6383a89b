"""Everything leaves a trace: one event an act and a refusal, in its transaction, and each notice once."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.clients.domain import Role
from tests.support.people import NEW_PASSWORD, PASSWORD
from tests.support.processes import Person, Processes

pytestmark = pytest.mark.anyio
AGENT = "Attacker/1.0 (traces)"
WRONG = "a wrong one entirely"

Act = Callable[[Processes, Person], Awaitable[httpx.Response]]


async def log_in_wrongly(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, WRONG, **requester(person))


async def log_in_with_a_wrong_code(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, code=processes.wrong_code(person), **requester(person))


async def log_in(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, code=processes.code(person), **requester(person))


async def log_in_by_recovery_code(processes: Processes, person: Person) -> httpx.Response:
    return await processes.log_in(person, code=person.recovery_codes[0], **requester(person))


async def spend_again(processes: Processes, person: Person) -> httpx.Response:
    """A code that was used before is refused as any wrong one."""
    code = processes.code(person)
    await processes.execute("UPDATE authenticators SET last_step = 99999999999 WHERE account_id = $1", person.id)
    return await processes.log_in(person, code=code, **requester(person))


async def disable(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post("/v1/me/2fa/disable", {"password": PASSWORD}, token=person.token, **requester(person))


async def disable_with_a_wrong_password(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post("/v1/me/2fa/disable", {"password": WRONG}, token=person.token, **requester(person))


async def disable_with_a_wrong_code(processes: Processes, person: Person) -> httpx.Response:
    body = {"password": PASSWORD, "code": processes.wrong_code(person)}
    return await processes.post("/v1/me/2fa/disable", body, token=person.token, **requester(person))


async def replace_recovery_codes(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post(
        "/v1/me/2fa/recovery-codes", {"password": PASSWORD}, token=person.token, **requester(person)
    )


async def change_password(processes: Processes, person: Person) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return await processes.post("/v1/me/password", body, token=person.token, **requester(person))


async def change_password_wrongly(processes: Processes, person: Person) -> httpx.Response:
    body = {"current_password": WRONG, "new_password": NEW_PASSWORD}
    return await processes.post("/v1/me/password", body, token=person.token, **requester(person))


async def create_a_token(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post("/v1/me/tokens", {"description": "traced"}, token=person.token, **requester(person))


async def log_out(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post("/v1/logout", token=person.token, **requester(person))


async def revoke_all(processes: Processes, person: Person) -> httpx.Response:
    return await processes.post("/v1/me/tokens/revoke-all", {}, token=person.token, **requester(person))


async def reset_by_an_admin(processes: Processes, person: Person) -> httpx.Response:
    admin = await processes.client(Role.ADMIN)
    path = f"/v1/admin/accounts/{person.id}/2fa/reset"
    return await processes.post(path, {"reason": "lost her phone"}, auth=admin, **requester(person))


async def disable_the_account(processes: Processes, person: Person) -> httpx.Response:
    admin = await processes.client(Role.ADMIN)
    body = {"status": "disabled"}
    return await processes.call("PATCH", f"/v1/admin/accounts/{person.id}", body, auth=admin, **requester(person))


def requester(person: Person) -> dict[str, Any]:
    return {"address": person.address, "headers": {"User-Agent": AGENT}}


ACTS: list[tuple[Act, int, list[str], list[str]]] = [
    (log_in, 200, ["login.succeeded"], []),
    (log_in_wrongly, 401, ["login.failed"], []),
    (log_in_with_a_wrong_code, 401, ["two_factor.code_refused"], []),
    (log_in_by_recovery_code, 200, ["recovery_code.used", "login.succeeded"], ["recovery_code_used"]),
    (spend_again, 401, ["two_factor.code_refused"], []),
    (disable, 200, ["two_factor.disabled"], ["two_factor_disabled"]),
    (disable_with_a_wrong_password, 403, ["password.refused"], []),
    (disable_with_a_wrong_code, 403, ["two_factor.code_refused"], []),
    (replace_recovery_codes, 201, ["recovery_codes.replaced"], ["recovery_codes_replaced"]),
    (change_password, 200, ["password.changed"], ["password_changed"]),
    (change_password_wrongly, 403, ["password.refused"], []),
    (create_a_token, 201, ["token.created"], ["personal_token_created"]),
    (log_out, 204, ["token.revoked"], []),
    (revoke_all, 200, ["tokens.revoked"], []),
    (reset_by_an_admin, 200, ["two_factor.reset"], ["two_factor_reset_by_admin"]),
    (disable_the_account, 200, ["account.disabled"], []),
]


@pytest.mark.parametrize(("act", "status", "events", "mails"), ACTS, ids=[each[0].__name__ for each in ACTS])
async def test_an_act_leaves_its_trace_once(
    processes: Processes, act: Act, status: int, events: list[str], mails: list[str]
) -> None:
    person = await processes.someone(two_factor=True)
    before, mailed = await processes.events(person), await processes.mails(person)
    answer = await act(processes, person)
    assert answer.status_code == status, answer.text
    assert (await processes.events(person))[len(before) :] == events
    assert (await processes.mails(person))[len(mailed) :] == mails
    rows = await processes.rows(
        "SELECT ip, user_agent FROM events WHERE account_id = $1 ORDER BY id DESC LIMIT $2", person.id, len(events)
    )
    assert {tuple(row) for row in rows} == {(person.address, AGENT)}


# Of a token what it can do: when it was used is written beside the requests, a moment later.
STATE = (
    "SELECT a::text FROM accounts AS a WHERE id = $1",
    "SELECT f::text FROM two_factor_accounts AS f WHERE account_id = $1",
    "SELECT d::text FROM authenticators AS d WHERE account_id = $1 ORDER BY 1",
    "SELECT r::text FROM recovery_codes AS r WHERE account_id = $1 ORDER BY 1",
    "SELECT concat(id, epoch, expires_at) FROM tokens WHERE account_id = $1 ORDER BY 1",
    "SELECT o::text FROM outbox AS o WHERE account_id = $1 ORDER BY 1",
)


@pytest.mark.parametrize("act", [each[0] for each in ACTS])
async def test_what_leaves_no_trace_did_not_happen(processes: Processes, act: Act) -> None:
    """With the audit log shut, the act is undone as well: both stand in one transaction."""
    person = await processes.someone(two_factor=True)

    async def state() -> list[str]:
        found = []
        for query in STATE:
            found += [row[0] for row in await processes.rows(query, person.id)]
        return found

    if act is spend_again:
        await act(processes, person)
    before = await state()
    await processes.execute(
        f"CREATE RULE shut AS ON INSERT TO events WHERE NEW.account_id = '{person.id}' DO ALSO SELECT 1 / 0"
    )
    try:
        answer = await act(processes, person)
    finally:
        await processes.execute("DROP RULE shut ON events")
    assert answer.status_code == 500, answer.text
    assert await state() == before


async def test_a_half_successful_log_in_warns_the_owner_once(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    for number in range(12):
        await processes.log_in(person, code=processes.wrong_code(person, number))
    assert (await processes.mails(person)).count("wrong_codes") == 1
    assert (await processes.events(person)).count("two_factor.code_refused") == 10


async def test_ten_wrong_codes_at_once_warn_once(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    await processes.race([processes.log_in(person, code=processes.wrong_code(person)) for _ in range(40)])
    assert (await processes.mails(person)).count("wrong_codes") == 1


async def test_a_reset_is_told_by_what_it_did(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    link = await processes.reset_token(person)
    mailed, before = await processes.mails(person), await processes.events(person)
    answer = await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
    assert answer.json()["two_factor"] == "disabled"
    assert (await processes.mails(person))[len(mailed) :] == ["two_factor_reset_by_password_reset"]
    assert (await processes.events(person))[len(before) :] == ["password_reset.completed"]
    assert not await processes.rows("SELECT 1 FROM authenticators WHERE account_id = $1", person.id)
    assert not await processes.rows("SELECT 1 FROM recovery_codes WHERE account_id = $1", person.id)
