"""Kinds don't mix: every kind of secret at every endpoint, and only the intended cell succeeds."""

from dataclasses import replace
from typing import Any

import pytest

from app.clients.domain import Role
from tests.support.documented import document
from tests.support.people import NEW_PASSWORD, PASSWORD
from tests.support.processes import Person, Processes

pytestmark = pytest.mark.anyio
KINDS = [
    "challenge", "reset", "notice", "client", "recovery code", "totp code", "totp secret", "password",
    "session in capitals", "session with a space", "session cut", "session as personal", "personal as session",
    "personal", "session",
]  # fmt: skip
"""The tokens come last: what a session may do ends the others."""
READS = {"/v1/me", "/v1/me/2fa", "/v1/me/2fa/authenticators", "/v1/me/tokens", "/v1/me/events"}


async def everything(processes: Processes) -> tuple[Person, dict[str, str]]:
    """One account's secrets of every kind, all of them live."""
    person = await processes.someone(two_factor=True)
    made = await processes.post("/v1/me/tokens", {"description": "for the matrix"}, token=person.token)
    personal = made.json()["access_token"]
    client = await processes.services.clients.create("matrix", [Role.INTROSPECT, Role.ADMIN])
    return person, {
        "session": person.token,
        "personal": personal,
        "challenge": await processes.challenge(person),
        "reset": await processes.reset_token(person),
        "notice": await processes.not_me_link(person),
        "client": client.secret.get_secret_value(),
        "recovery code": person.recovery_codes[0],
        "totp code": processes.code(person),
        "totp secret": person.secret,
        "password": PASSWORD,
        "session in capitals": person.token.upper(),
        "session with a space": f"{person.token} x",
        "session cut": person.token[:-1],
        "session as personal": "tkp_" + person.token[4:],
        "personal as session": "tks_" + personal[4:],
    }


def bearer_calls() -> list[tuple[str, str]]:
    """Every call of the service that is made under a bearer token, out of its own description."""
    paths = document()["paths"]
    found = [
        (method.upper(), path)
        for path, item in paths.items()
        for method in item
        if path.startswith(("/v1/me", "/v1/logout", "/v1/forward-auth"))
    ]
    assert len(found) >= 14
    return sorted(found, key=lambda call: call[1] == "/v1/logout")


BODIES: dict[str, Any] = {
    "/v1/me/password": {"current_password": "not the password", "new_password": NEW_PASSWORD},
    "/v1/me/email": {"new_email": "matrix@example.com", "password": "not the password"},
    "/v1/me/2fa/enrollment": {"password": "not the password"},
    "/v1/me": {"locale": "de"},
    "/v1/me/2fa/confirm": {"code": "000000"},
    "/v1/me/2fa/disable": {"password": "not the password"},
    "/v1/me/2fa/recovery-codes": {"password": "not the password"},
    "/v1/me/tokens": {"description": "made by the wrong kind"},
    "/v1/me/tokens/revoke-all": {},
    "/v1/me/tokens/{id}": {"description": "renamed by the wrong kind"},
    "/v1/me/reauthenticate": {"password": "not the password"},
    "/v1/me/reauthenticate/options": {},
    "/v1/me/2fa/authenticators/{id}": {"name": "renamed by the wrong kind"},
    "/v1/me/2fa/authenticators/{id}/remove": {"password": "not the password"},
    "/v1/me/2fa/webauthn/options": {"password": "not the password"},
    "/v1/me/2fa/webauthn": {"registration": "tkw_x", "credential": {}},
}


async def test_only_tokens_bear_a_request(processes: Processes) -> None:
    person, secrets = await everything(processes)
    for kind in KINDS:
        for method, path in bearer_calls():
            body = BODIES.get(path) if method in {"POST", "PATCH"} else None
            url = path.replace("{id}", str(person.id))
            answer = await processes.call(method, url, body, token=secrets[kind])
            where = f"{kind} at {method} {path}: {answer.status_code}"
            if kind == "session":
                assert answer.status_code != 401, where
            elif kind == "personal":
                may = (method == "GET" and path in READS) or path in {"/v1/logout", "/v1/forward-auth"}
                assert answer.is_success if may else answer.json()["code"] == "session_required", where
            else:
                assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), where
                assert answer.headers["www-authenticate"] == "Bearer"


async def test_only_a_challenge_is_answered(processes: Processes) -> None:
    person, secrets = await everything(processes)
    for kind in KINDS:
        body = {"challenge": secrets[kind], "code": processes.code(person)}
        answer = await processes.post("/v1/login/two-factor", body)
        assert answer.status_code == (200 if kind == "challenge" else 401), kind
        assert answer.is_success or answer.json()["code"] == "challenge_expired", kind


async def test_only_a_reset_link_resets(processes: Processes) -> None:
    _, secrets = await everything(processes)
    for kind in KINDS:
        body = {"token": secrets[kind], "new_password": NEW_PASSWORD}
        answer = await processes.post("/v1/password-reset/confirm", body)
        assert answer.status_code == (200 if kind == "reset" else 410), kind


async def test_only_a_notice_says_that_it_was_somebody_else(processes: Processes) -> None:
    _, secrets = await everything(processes)
    for kind in KINDS:
        answer = await processes.post("/v1/not-me", {"token": secrets[kind]})
        assert answer.status_code == (200 if kind == "notice" else 410), kind


async def test_only_a_cancel_link_cancels(processes: Processes) -> None:
    _, secrets = await everything(processes)
    for kind in KINDS:
        answer = await processes.post("/v1/two-factor-clearing/cancel", {"token": secrets[kind]})
        assert (answer.status_code, answer.json()["code"]) == (410, "cancel_link_invalid"), kind


LINKS = {
    "reset": ("/v1/password-reset/confirm", {"new_password": NEW_PASSWORD}),
    "check": ("/v1/password-reset/check", {}),
    "address": ("/v1/email-change/confirm", {}),
    "undo": ("/v1/email-change/undo", {}),
    "notice": ("/v1/not-me", {}),
    "cancel": ("/v1/two-factor-clearing/cancel", {}),
}
"""Where each kind of mailed link leads to, and what goes along."""


async def test_a_mailed_link_leads_to_one_place_and_once(later_processes: Processes) -> None:
    """Whoever looks at links before people do asks with GET, which uses nothing up."""
    processes = later_processes
    before = await processes.someone()
    moved = Person(before.id, f"moved-{before.email}")
    links = {"undo": await processes.undo_token(before, moved.email)}
    person = await processes.enrolled(replace(moved, token=await processes.session(moved)))
    links["address"] = await processes.address_token(person, f"further-{before.email}")
    links["reset"], links["notice"] = await processes.reset_token(person), await processes.not_me_link(person)
    waiting = await processes.someone(two_factor=True)
    await processes.post(LINKS["reset"][0], {"token": await processes.reset_token(waiting), **LINKS["reset"][1]})
    links["cancel"] = (await processes.mailed_tokens(waiting, "two_factor_clearing"))[-1]
    for kind, secret in links.items():
        for place, (path, more) in LINKS.items():
            assert (await processes.get(path, params={"token": secret})).status_code == 405
            if place != kind and (place, kind) != ("check", "reset"):
                assert (await processes.post(path, {"token": secret, **more})).status_code == 410, (kind, place)
    assert (await processes.post(LINKS["check"][0], {"token": links["reset"]})).status_code == 200
    # The last three outlive what the first one ends.
    for kind, status in {"address": 200, "reset": 410, "notice": 200, "undo": 200, "cancel": 200}.items():
        path, more = LINKS[kind]
        for expected in (status, 410):
            assert (await processes.post(path, {"token": links[kind], **more})).status_code == expected, kind


@pytest.mark.parametrize("kind", KINDS)
async def test_only_codes_are_codes_and_passwords_passwords(processes: Processes, kind: str) -> None:
    """Each with an account of its own: as many wrong codes in a row would lock one."""
    person, secrets = await everything(processes)
    answer = await processes.log_in(person, code=secrets[kind])
    assert answer.is_success == (kind in {"recovery code", "totp code"}), answer.text
    if kind != "password":
        answer = await processes.log_in(person, secrets[kind], code=person.recovery_codes[1])
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
        assert (await processes.log_in(person, code=person.recovery_codes[1])).is_success, "and burned nothing"


async def test_only_tokens_are_introspected_and_revoked(processes: Processes) -> None:
    person, secrets = await everything(processes)
    client, tokens = await processes.client(Role.INTROSPECT), {"personal", "session"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    for kind in KINDS:
        more: dict[str, Any] = {"data": {"token": secrets[kind]}, "auth": client, "headers": form}
        response = await processes.call("POST", "/v1/introspect", **more)
        assert response.json()["active"] if kind in tokens else response.json() == {"active": False}, kind
        revoked = await processes.call("POST", "/v1/revoke", **more)
        assert revoked.status_code == 200
        assert person.email not in revoked.text
        tokens.discard(kind)
        for token in ("personal", "session"):
            assert await processes.alive(secrets[token]) == (token in tokens), kind


async def test_only_a_client_secret_makes_a_client(processes: Processes) -> None:
    person, secrets = await everything(processes)
    client = await processes.client(Role.ADMIN, Role.INTROSPECT)
    for kind in KINDS:
        for name in (str(person.id), person.email, client._auth_header[:10]):
            for path in ("/v1/admin/accounts", "/v1/admin/events"):
                answer = await processes.get(path, auth=(name, secrets[kind]))
                assert (answer.status_code, answer.json()["code"]) == (401, "invalid_client"), kind
        assert (await processes.get("/v1/admin/accounts", token=secrets[kind])).status_code == 401, kind


async def test_roles_are_not_each_other(processes: Processes) -> None:
    person = await processes.someone()
    admin, introspector = await processes.client(Role.ADMIN), await processes.client(Role.INTROSPECT)
    for path in ("/v1/introspect", "/v1/revoke"):
        answer = await processes.call("POST", path, data={"token": person.token}, auth=admin)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_role")
    for method, path in (("GET", "/v1/admin/accounts"), ("DELETE", f"/v1/admin/accounts/{person.id}")):
        answer = await processes.call(method, path, auth=introspector)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_role")
    assert await processes.alive(person.token)


async def test_one_accounts_challenge_takes_no_code_of_another(processes: Processes) -> None:
    ada, eve = await processes.someone(two_factor=True), await processes.someone(two_factor=True)
    challenge = await processes.challenge(ada)
    for code in (processes.code(eve), eve.recovery_codes[0]):
        answer = await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": code})
        assert answer.json()["code"] == "invalid_code"
    assert (await processes.log_in(eve, code=eve.recovery_codes[0])).is_success, "eve's code was not burned"


async def test_one_accounts_ids_are_nothing_to_another(processes: Processes) -> None:
    ada, eve = await processes.someone(), await processes.someone()
    listed = (await processes.get("/v1/me/tokens", token=ada.token)).json()["items"]
    answer = await processes.call("DELETE", f"/v1/me/tokens/{listed[0]['id']}", token=eve.token)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await processes.alive(ada.token)
    began = await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=ada.token)
    mine = Person(ada.id, ada.email, ada.token, began.json()["secret"])
    answer = await processes.post("/v1/me/2fa/confirm", {"code": processes.code(mine)}, token=eve.token)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_pending_enrollment")
    cancelled = await processes.call("DELETE", "/v1/me/2fa/enrollment", token=eve.token)
    assert cancelled.status_code == 204
    assert (await processes.get("/v1/me/2fa", token=ada.token)).json()["status"] == "pending"


async def test_a_cursor_shows_only_ones_own(processes: Processes) -> None:
    ada, eve = await processes.someone(), await processes.someone()
    await processes.session(ada)
    page = (await processes.get("/v1/me/tokens", token=ada.token, params={"limit": 1})).json()
    seen = await processes.get("/v1/me/tokens", token=eve.token, params={"cursor": page["next_cursor"]})
    ids = {item["id"] for item in (await processes.get("/v1/me/tokens", token=ada.token)).json()["items"]}
    assert not ids & {item["id"] for item in seen.json()["items"]}


async def test_a_pending_login_is_told_nothing(processes: Processes) -> None:
    """FileRise handed the live secret to whoever held the first step; CoPilot took the first step for a session."""
    person = await processes.someone(two_factor=True)
    challenge = await processes.challenge(person)
    for method, path in bearer_calls():
        answer = await processes.call(method, path.replace("{id}", str(person.id)), {}, token=challenge)
        assert answer.status_code == 401
        assert person.secret not in answer.text
