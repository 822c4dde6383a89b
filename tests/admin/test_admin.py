"""Administration: operators' acts on accounts, over HTTP with a client of the role `admin`."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.accounts.attempts.domain import subject_of
from app.clients.domain import Role
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.services import Services
from app.tables import metadata
from tests.conftest import SetClock
from tests.support.answers import must_not_hold
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    a_client,
    a_session,
    an_account,
    an_operator,
    bearer,
    enroll,
    log_in,
    totp_code,
)
from tests.support.postgres import overtaken

pytestmark = pytest.mark.anyio

REASON = {"reason": "Lost her phone, identity checked."}


@pytest.fixture
async def operator(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.ADMIN)


async def events(api: httpx.AsyncClient, operator: httpx.BasicAuth, **query: str) -> list[dict[str, object]]:
    answer = await api.get("/v1/admin/events", params=query, auth=operator)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["items"]
    return found


def types(found: Iterable[dict[str, object]]) -> list[object]:
    return [event["type"] for event in found]


async def mails(services: Services) -> list[str]:
    async with services.database.autocommit() as connection:
        return list(await connection.scalars(text("SELECT letter FROM outbox ORDER BY id")))


async def epoch(services: Services, id: UUID) -> int:
    async with services.database.autocommit() as connection:
        query = text("SELECT credential_epoch FROM accounts WHERE id = :id")
        return int((await connection.execute(query, {"id": id})).scalar_one())


async def test_an_account_with_a_password_can_log_in(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> None:
    made = await api.post("/v1/admin/accounts", json={"email": "Ada@Example.com", "password": PASSWORD}, auth=operator)
    assert made.status_code == 201, made.text
    assert made.json() == {
        "id": made.json()["id"],
        "email": "Ada@example.com",
        "created_at": "2026-03-14T15:09:26.000Z",
        "status": "active",
        "external_id": None,
        "email_verified_at": None,
        "pending_email": None,
        "last_login_at": None,
        "locale": None,
        "two_factor": {
            "status": "disabled",
            "enabled_at": None,
            "last_used_at": None,
            "enrollment_expires_at": None,
            "recovery_codes_remaining": 0,
            "methods": [],
            "clears_at": None,
            "required": False,
            "required_from": None,
        },
        "two_factor_policy": "inherit",
    }
    assert (await log_in(api)).status_code == 200


async def test_an_account_without_a_password_is_invited(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    made = await api.post("/v1/admin/accounts", json={"email": EMAIL}, auth=operator)
    assert made.status_code == 201, made.text
    assert await mails(services) == ["invitation"]
    assert types(await events(api, operator)) == ["account.created"]
    assert (await log_in(api)).status_code == 401


async def test_operators_set_the_language_of_an_account(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "locale": "DE"}
    made = (await api.post("/v1/admin/accounts", json=body, auth=operator)).json()
    path = f"/v1/admin/accounts/{made['id']}"

    changed = await api.patch(path, json={"locale": "fr-CA", "status": "disabled"}, auth=operator)
    emptied = await api.patch(path, json={"locale": None}, auth=operator)

    assert made["locale"] == "de"
    assert (changed.json()["locale"], changed.json()["status"]) == ("fr-CA", "disabled")
    assert (emptied.json()["locale"], emptied.json()["status"]) == (None, "disabled")
    assert types(await events(api, operator)) == [
        "account.updated",
        "account.disabled",
        "account.updated",
        "account.created",
    ]


@pytest.mark.parametrize("body", [{}, {"status": None}, {"locale": "german"}, {"status": "asleep"}])
async def test_a_change_of_an_account_that_names_none_is_refused(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, body: dict[str, object]
) -> None:
    account = await an_account(services)
    answer = await api.patch(f"/v1/admin/accounts/{account.id}", json=body, auth=operator)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_creating_is_recorded_with_the_client(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    made = await api.post("/v1/admin/accounts", json={"email": EMAIL, "password": PASSWORD}, auth=operator)
    client = (await services.clients.all())[0]
    (event,) = await events(api, operator)
    assert (event["type"], event["account_id"], event["client_id"]) == (
        "account.created",
        made.json()["id"],
        str(client.id),
    )


async def test_an_address_is_taken_in_any_case(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    await an_account(services)
    again = {"email": EMAIL.upper().replace("EXAMPLE.COM", "example.COM"), "password": PASSWORD}
    answer = await api.post("/v1/admin/accounts", json=again, auth=operator)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_two_at_once_make_one_account(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> None:
    body = {"email": EMAIL, "password": PASSWORD}
    answers = await asyncio.gather(*(api.post("/v1/admin/accounts", json=body, auth=operator) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


@pytest.mark.parametrize("password", ["short", "password1234", "ada@example.com", "x" * 257])
async def test_a_weak_password_makes_no_account(
    api: httpx.AsyncClient, operator: httpx.BasicAuth, password: str
) -> None:
    answer = await api.post("/v1/admin/accounts", json={"email": EMAIL, "password": password}, auth=operator)
    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
    assert (await api.get("/v1/admin/accounts", auth=operator)).json()["items"] == []


async def test_pages_are_stable_while_accounts_are_made(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    made = [str((await an_account(services, f"p{n}@example.com", None)).id) for n in range(5)]
    first = (await api.get("/v1/admin/accounts", params={"limit": 2}, auth=operator)).json()
    await an_account(services, "late@example.com", None)
    second = (
        await api.get("/v1/admin/accounts", params={"limit": 3, "cursor": first["next_cursor"]}, auth=operator)
    ).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


async def test_an_account_is_found_by_its_address(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    await an_account(services, "grace@example.com", None)
    account = await an_account(services)
    found = (await api.get("/v1/admin/accounts", params={"email": EMAIL.upper()}, auth=operator)).json()
    assert [item["id"] for item in found["items"]] == [str(account.id)]


async def test_a_page_tells_the_second_factor_of_each(
    api: httpx.AsyncClient, services: Services, clock: SetClock, operator: httpx.BasicAuth
) -> None:
    await an_account(services)
    await enroll(api, await a_session(api), clock.now())
    await an_account(services, "grace@example.com")
    items = (await api.get("/v1/admin/accounts", auth=operator)).json()["items"]
    states = {item["email"]: item["two_factor"] for item in items}
    assert states["grace@example.com"]["status"] == "disabled"
    assert (states[EMAIL]["status"], states[EMAIL]["recovery_codes_remaining"]) == ("enabled", 10)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"status": "disabled"}),
        ("DELETE", "", None),
        ("POST", "/2fa/reset", REASON),
        ("POST", "/tokens/revoke", REASON),
        ("POST", "/password-reset", None),
    ],
)
async def test_what_is_not_there_is_not_found(
    api: httpx.AsyncClient, operator: httpx.BasicAuth, method: str, path: str, body: dict[str, str] | None
) -> None:
    for id in (str(new_id()), "not-an-id"):
        answer = await api.request(method, f"/v1/admin/accounts/{id}{path}", json=body, auth=operator)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_disabling_ends_everything_and_says_how_much(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    token = await a_session(api)
    await api.post("/v1/me/tokens", json={"description": "Backup"}, headers=bearer(token))
    answer = await api.patch(f"/v1/admin/accounts/{account.id}", json={"status": "disabled"}, auth=operator)
    assert (answer.status_code, answer.json()["status"]) == (200, "disabled")
    assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401
    assert (await log_in(api)).json()["code"] == "invalid_credentials"
    (event,) = await events(api, operator, type="account.disabled")
    assert event["details"] == {"revoked": {"sessions": 1, "personal_tokens": 1}, "epoch": 1}


async def test_enabling_brings_no_token_back(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    token = await a_session(api)
    for status in ("disabled", "active"):
        await api.patch(f"/v1/admin/accounts/{account.id}", json={"status": status}, auth=operator)
    assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401
    assert (await log_in(api)).status_code == 200


@pytest.mark.parametrize("status", ["active", "disabled"])
async def test_a_status_that_is_so_already_changes_nothing(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, status: str
) -> None:
    account = await an_account(services)
    await api.patch(f"/v1/admin/accounts/{account.id}", json={"status": status}, auth=operator)
    before = (await epoch(services, account.id), types(await events(api, operator)))
    answer = await api.patch(f"/v1/admin/accounts/{account.id}", json={"status": status}, auth=operator)
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert (await epoch(services, account.id), types(await events(api, operator))) == before


async def test_resetting_two_factor_ends_everything_and_tells_the_person(
    api: httpx.AsyncClient, services: Services, clock: SetClock, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    answer = await api.post(f"/v1/admin/accounts/{account.id}/2fa/reset", json=REASON, auth=operator)
    assert answer.status_code == 200, answer.text
    assert answer.json()["two_factor"]["status"] == "disabled"
    assert answer.json()["revoked"] == {"sessions": 1, "personal_tokens": 0}
    assert (await api.get("/v1/me", headers=bearer(enrolled.token))).status_code == 401
    assert (await log_in(api)).json()["token"]["amr"] == ["pwd"]
    assert (await mails(services))[-1] == "two_factor_reset_by_admin"
    (event,) = await events(api, operator, type="two_factor.reset")
    assert event["details"] == {
        "reason": REASON["reason"],
        "was_enabled": True,
        "revoked": {"sessions": 1, "personal_tokens": 0},
        "epoch": 2,
    }


async def test_resetting_two_factor_ends_a_lock_by_wrong_codes(
    api: httpx.AsyncClient, services: Services, clock: SetClock, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    enrolled = await enroll(api, await a_session(api), clock.now())
    clock.advance(timedelta(minutes=2))
    wrong, right = totp_code(enrolled.secret, clock.now(), steps=9), totp_code(enrolled.secret, clock.now())
    for _ in range(2):
        challenge = (await log_in(api)).json()["challenge"]
        for _ in range(5):
            answer = await api.post("/v1/login/two-factor", json={"challenge": challenge, "code": wrong})
            assert answer.status_code == 401
    assert (await log_in(api, code=right)).status_code == 429
    await api.post(f"/v1/admin/accounts/{account.id}/2fa/reset", json=REASON, auth=operator)
    await enroll(api, await a_session(api), clock.now())


async def test_revoking_ends_every_token(api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth) -> None:
    account = await an_account(services)
    token = await a_session(api)
    answer = await api.post(f"/v1/admin/accounts/{account.id}/tokens/revoke", json=REASON, auth=operator)
    assert answer.json() == {"revoked": {"sessions": 1, "personal_tokens": 0}}
    assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401
    again = await api.post(f"/v1/admin/accounts/{account.id}/tokens/revoke", json=REASON, auth=operator)
    assert again.json() == {"revoked": {"sessions": 0, "personal_tokens": 0}}


@pytest.mark.parametrize("act", ["2fa/reset", "tokens/revoke"])
@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "a\nb"}, {"reason": "x" * 501}])
async def test_an_act_needs_a_reason(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, act: str, body: dict[str, str]
) -> None:
    account = await an_account(services)
    answer = await api.post(f"/v1/admin/accounts/{account.id}/{act}", json=body, auth=operator)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/reason")
    assert await epoch(services, account.id) == 0


@pytest.mark.parametrize(
    ("change", "event"),
    [
        ({"status": "disabled"}, "account.disabled"),
        ({"email": "countess@example.org"}, "email.changed"),
        ({"locale": "de"}, "account.updated"),
        ({"two_factor_policy": "exempt"}, "account.policy_changed"),
    ],
    ids=["status", "email", "locale", "policy"],
)
async def test_a_reason_stands_with_whatever_was_changed(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, change: dict[str, Any], event: str
) -> None:
    account = await an_account(services)
    answer = await api.patch(f"/v1/admin/accounts/{account.id}", json=change | REASON, auth=operator)
    assert answer.is_success
    found = (await api.get("/v1/admin/events", params={"type": event}, auth=operator)).json()["items"]
    assert [each["details"]["reason"] for each in found] == [REASON["reason"]]


async def test_a_person_sees_what_an_operator_did(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    await api.post(f"/v1/admin/accounts/{account.id}/tokens/revoke", json=REASON, auth=operator)
    seen = (await api.get("/v1/me/events", headers=bearer(await a_session(api)))).json()["items"]
    (event,) = (event for event in seen if event["type"] == "tokens.revoked")
    client = (await services.clients.all())[0]
    assert (event["details"]["reason"], event["details"]["client_id"]) == (REASON["reason"], str(client.id))


async def test_an_operator_can_have_a_reset_link_sent(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    token = await a_session(api)
    answer = await api.post(f"/v1/admin/accounts/{account.id}/password-reset", auth=operator)
    assert answer.status_code == 202
    assert await mails(services) == ["password_reset"]
    assert (await api.get("/v1/me", headers=bearer(token))).status_code == 200
    (event,) = await events(api, operator, type="password_reset.requested")
    assert event["client_id"] is not None


async def test_a_deleted_account_leaves_its_id_and_nothing_personal(
    api: httpx.AsyncClient, services: Services, clock: SetClock, operator: httpx.BasicAuth
) -> None:
    where = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "AdasBrowser/1.0"}
    api.headers.update(where)
    account = await an_account(services)
    await log_in(api, password="wrong-wrong-wrong")
    enrolled = await enroll(api, await a_session(api), clock.now())
    await api.post("/v1/me/tokens", json={"description": "AdasBackup"}, headers=bearer(enrolled.token))
    await log_in(api)
    await api.post("/v1/password-reset", json={"email": EMAIL})
    await services.password_reset.answer_requests()
    await api.post("/v1/password-reset", json={"email": EMAIL})
    api.headers.update({"X-Forwarded-For": "198.51.100.1", "User-Agent": "SupportDesk/1.0"})
    answer = await api.delete(f"/v1/admin/accounts/{account.id}", auth=operator)
    assert answer.status_code == 204

    left = await everything(services)
    assert str(account.id) in left
    personal = (EMAIL, "AdasBrowser", "AdasBackup", "203.0.113.7", "198.51.100.1", "SupportDesk")
    must_not_hold(left, *personal, subject_of(EMAIL).hex())
    found = await events(api, operator, account_id=str(account.id))
    assert types(found)[0] == "account.deleted"
    assert all((event["ip"], event["user_agent"], event["details"]) == (None, None, {}) for event in found)
    assert await mails(services) == []
    assert (await api.get(f"/v1/admin/accounts/{account.id}", auth=operator)).status_code == 404


async def everything(services: Services) -> str:
    """All rows of all tables but the clients', as text."""
    async with services.database.autocommit() as connection:
        tables = [table for table in metadata.tables if table != "clients"]
        select = "SELECT json_agg(t) FROM {} t"
        return "\n".join([str(await connection.scalar(text(select.format(name)))) for name in tables])


async def test_an_address_is_free_again_after_deletion(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    await api.delete(f"/v1/admin/accounts/{account.id}", auth=operator)
    again = await api.post("/v1/admin/accounts", json={"email": EMAIL, "password": NEW_PASSWORD}, auth=operator)
    assert again.status_code == 201
    assert again.json()["id"] != str(account.id)
    assert (await log_in(api)).status_code == 401


async def test_events_are_found_by_account_and_type_in_pages(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    await an_account(services, "grace@example.com")
    for _ in range(3):
        await log_in(api)
    query = {"account_id": str(account.id), "type": "login.succeeded", "limit": "2"}
    first = (await api.get("/v1/admin/events", params=query, auth=operator)).json()
    second = (await api.get("/v1/admin/events", params=query | {"cursor": first["next_cursor"]}, auth=operator)).json()
    assert [len(first["items"]), len(second["items"]), second["next_cursor"]] == [2, 1, None]
    assert {event["account_id"] for event in first["items"] + second["items"]} == {str(account.id)}


@pytest.mark.parametrize("query", [{"type": "nonsense"}, {"account_id": "x"}, {"cursor": "x"}, {"limit": "0"}])
async def test_a_query_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, operator: httpx.BasicAuth, query: dict[str, str]
) -> None:
    answer = await api.get("/v1/admin/events", params=query, auth=operator)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


CALLS = [
    ("POST", "/v1/admin/accounts", {"email": EMAIL}),
    ("GET", "/v1/admin/accounts", None),
    ("GET", "/v1/admin/accounts/{id}", None),
    ("PATCH", "/v1/admin/accounts/{id}", {"status": "disabled"}),
    ("DELETE", "/v1/admin/accounts/{id}", None),
    ("POST", "/v1/admin/accounts/{id}/2fa/reset", REASON),
    ("POST", "/v1/admin/accounts/{id}/tokens/revoke", REASON),
    ("POST", "/v1/admin/accounts/{id}/password-reset", None),
    ("GET", "/v1/admin/events", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_only_a_client_of_the_role_admin_may(
    api: httpx.AsyncClient, services: Services, method: str, path: str, body: dict[str, str] | None
) -> None:
    account = await an_account(services, "grace@example.com")
    session = await a_session(api, "grace@example.com")
    path = path.format(id=account.id)

    async def ask(**proof: object) -> tuple[int, object, str | None]:
        answer = await api.request(method, path, json=body, **proof)  # type: ignore[arg-type]
        return answer.status_code, answer.json()["code"], answer.headers.get("WWW-Authenticate")

    assert await ask() == (401, "invalid_client", "Basic")
    assert await ask(headers=bearer(session)) == (401, "invalid_client", "Basic")
    assert await ask(auth=httpx.BasicAuth(str(new_id()), "tki_" + "x" * 43)) == (401, "invalid_client", "Basic")
    assert await ask(auth=await a_client(services, Role.INTROSPECT)) == (403, "insufficient_role", None)
    assert await epoch(services, account.id) == 0


ALLOWED = {
    Role.ACCOUNTS_READ: {("GET", "/v1/admin/accounts"), ("GET", "/v1/admin/accounts/{id}")},
    Role.EVENTS_READ: {("GET", "/v1/admin/events")},
    Role.IMPORT: set(),
}


@pytest.mark.parametrize("role", ALLOWED)
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
async def test_a_role_opens_its_own_calls_alone(
    api: httpx.AsyncClient, services: Services, method: str, path: str, body: dict[str, str] | None, role: Role
) -> None:
    account = await an_account(services)
    client = await a_client(services, role)

    answer = await api.request(method, path.format(id=account.id), json=body, auth=client)

    assert answer.status_code == (200 if (method, path) in ALLOWED[role] else 403)
    assert await epoch(services, account.id) == 0


async def test_the_role_to_write_accounts_reads_them_too(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    writer = await a_client(services, Role.ACCOUNTS_WRITE)

    assert (await api.get(f"/v1/admin/accounts/{account.id}", auth=writer)).status_code == 200
    assert (await api.patch(f"/v1/admin/accounts/{account.id}", json={"status": "disabled"}, auth=writer)).is_success
    assert (await api.get("/v1/admin/events", auth=writer)).status_code == 403


async def test_of_two_deletions_at_once_one_finds_the_account(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth, database_url: str
) -> None:
    account = await an_account(services)
    deleting = api.delete(f"/v1/admin/accounts/{account.id}", auth=operator)
    answer = await overtaken(database_url, deleting, "DELETE FROM accounts WHERE id = $1", account.id)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "account.deleted" not in types(await events(api, operator))


async def test_no_link_is_sent_to_a_disabled_account(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    await api.patch(f"/v1/admin/accounts/{account.id}", json={"status": "disabled"}, auth=operator)
    answer = await api.post(f"/v1/admin/accounts/{account.id}/password-reset", auth=operator)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_disabled")
    assert await mails(services) == []
    assert types(await events(api, operator)) == ["account.disabled", "account.created"]


async def test_the_command_line_finds_an_account_by_its_address(services: Services) -> None:
    account = await an_account(services)
    assert (await services.admin.account_with_address(EMAIL.upper())).account.id == account.id
    with pytest.raises(NotFound, match="no account with this address"):
        await services.admin.account_with_address("nobody@example.com")


async def test_after_a_restore_every_token_of_everybody_ends(
    api: httpx.AsyncClient, services: Services, operator: httpx.BasicAuth
) -> None:
    tokens = []
    for email in (EMAIL, "grace@example.com"):
        await an_account(services, email)
        tokens.append(await a_session(api, email))
    assert await services.access.revoke_every_token("Restored a backup.", an_operator(services)) == 2
    for token in tokens:
        assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401
    event = (await events(api, operator))[0]
    assert (event["type"], event["account_id"]) == ("tokens.revoked", None)
    assert event["details"] == {"operator": "test", "reason": "Restored a backup.", "accounts": 2, "epoch": None}
