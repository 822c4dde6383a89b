"""Everything leaves a trace: one event an act and a refusal, in its transaction, and each notice once."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.clients.domain import Role
from tests.support.people import NEW_PASSWORD, PASSWORD
from tests.support.twins import Person, Twins

pytestmark = pytest.mark.anyio
AGENT = "Attacker/1.0 (traces)"
WRONG = "a wrong one entirely"

Act = Callable[[Twins, Person], Awaitable[httpx.Response]]


async def log_in_wrongly(twins: Twins, person: Person) -> httpx.Response:
    return await twins.log_in(person, WRONG, **requester(person))


async def log_in_with_a_wrong_code(twins: Twins, person: Person) -> httpx.Response:
    return await twins.log_in(person, code=twins.wrong_code(person), **requester(person))


async def log_in(twins: Twins, person: Person) -> httpx.Response:
    return await twins.log_in(person, code=twins.code(person), **requester(person))


async def log_in_by_recovery_code(twins: Twins, person: Person) -> httpx.Response:
    return await twins.log_in(person, code=person.recovery_codes[0], **requester(person))


async def spend_again(twins: Twins, person: Person) -> httpx.Response:
    """A code that was used before is refused as any wrong one."""
    code = twins.code(person)
    await twins.execute("UPDATE authenticators SET last_step = 99999999999 WHERE account_id = $1", person.id)
    return await twins.log_in(person, code=code, **requester(person))


async def disable(twins: Twins, person: Person) -> httpx.Response:
    return await twins.post("/v1/me/2fa/disable", {"password": PASSWORD}, token=person.token, **requester(person))


async def disable_with_a_wrong_password(twins: Twins, person: Person) -> httpx.Response:
    return await twins.post("/v1/me/2fa/disable", {"password": WRONG}, token=person.token, **requester(person))


async def disable_with_a_wrong_code(twins: Twins, person: Person) -> httpx.Response:
    body = {"password": PASSWORD, "code": twins.wrong_code(person)}
    return await twins.post("/v1/me/2fa/disable", body, token=person.token, **requester(person))


async def replace_recovery_codes(twins: Twins, person: Person) -> httpx.Response:
    return await twins.post(
        "/v1/me/2fa/recovery-codes", {"password": PASSWORD}, token=person.token, **requester(person)
    )


async def change_password(twins: Twins, person: Person) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return await twins.post("/v1/me/password", body, token=person.token, **requester(person))


async def change_password_wrongly(twins: Twins, person: Person) -> httpx.Response:
    body = {"current_password": WRONG, "new_password": NEW_PASSWORD}
    return await twins.post("/v1/me/password", body, token=person.token, **requester(person))


async def create_a_token(twins: Twins, person: Person) -> httpx.Response:
    return await twins.post("/v1/me/tokens", {"description": "traced"}, token=person.token, **requester(person))


async def log_out(twins: Twins, person: Person) -> httpx.Response:
    return await twins.post("/v1/logout", token=person.token, **requester(person))


async def revoke_all(twins: Twins, person: Person) -> httpx.Response:
    return await twins.post("/v1/me/tokens/revoke-all", {}, token=person.token, **requester(person))


async def reset_by_an_admin(twins: Twins, person: Person) -> httpx.Response:
    admin = await twins.client(Role.ADMIN)
    path = f"/v1/admin/accounts/{person.id}/2fa/reset"
    return await twins.post(path, {"reason": "lost her phone"}, auth=admin, **requester(person))


async def disable_the_account(twins: Twins, person: Person) -> httpx.Response:
    admin = await twins.client(Role.ADMIN)
    body = {"status": "disabled"}
    return await twins.call("PATCH", f"/v1/admin/accounts/{person.id}", body, auth=admin, **requester(person))


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


@pytest.mark.parametrize(("act", "status", "events", "letters"), ACTS, ids=[each[0].__name__ for each in ACTS])
async def test_an_act_leaves_its_trace_once(
    twins: Twins, act: Act, status: int, events: list[str], mails: list[str]
) -> None:
    person = await twins.someone(two_factor=True)
    before, mailed = await twins.events(person), await twins.mails(person)
    answer = await act(twins, person)
    assert answer.status_code == status, answer.text
    assert (await twins.events(person))[len(before) :] == events
    assert (await twins.mails(person))[len(mailed) :] == mails
    rows = await twins.rows(
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
async def test_what_leaves_no_trace_did_not_happen(twins: Twins, act: Act) -> None:
    """With the journal shut, the act is undone as well: both stand in one transaction."""
    person = await twins.someone(two_factor=True)

    async def state() -> list[str]:
        found = []
        for query in STATE:
            found += [row[0] for row in await twins.rows(query, person.id)]
        return found

    if act is spend_again:
        await act(twins, person)
    before = await state()
    await twins.execute(
        f"CREATE RULE shut AS ON INSERT TO events WHERE NEW.account_id = '{person.id}' DO ALSO SELECT 1 / 0"
    )
    try:
        answer = await act(twins, person)
    finally:
        await twins.execute("DROP RULE shut ON events")
    assert answer.status_code == 500, answer.text
    assert await state() == before


async def test_a_half_successful_log_in_warns_the_owner_once(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    for number in range(12):
        await twins.log_in(person, code=twins.wrong_code(person, number))
    assert (await twins.mails(person)).count("wrong_codes") == 1
    assert (await twins.events(person)).count("two_factor.code_refused") == 10


async def test_ten_wrong_codes_at_once_warn_once(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    await twins.race([twins.log_in(person, code=twins.wrong_code(person)) for _ in range(40)])
    assert (await twins.mails(person)).count("wrong_codes") == 1


async def test_a_reset_is_told_by_what_it_did(twins: Twins) -> None:
    person = await twins.someone(two_factor=True)
    link = await twins.reset_token(person)
    mailed, before = await twins.mails(person), await twins.events(person)
    answer = await twins.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
    assert answer.json()["two_factor"] == "disabled"
    assert (await twins.mails(person))[len(mailed) :] == ["two_factor_reset_by_password_reset"]
    assert (await twins.events(person))[len(before) :] == ["password_reset.completed"]
    assert not await twins.rows("SELECT 1 FROM authenticators WHERE account_id = $1", person.id)
    assert not await twins.rows("SELECT 1 FROM recovery_codes WHERE account_id = $1", person.id)
