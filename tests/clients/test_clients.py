"""What other services ask: introspection, revocation, forward authentication."""

import asyncio
import base64
from uuid import UUID

import httpx
import pytest

from app.audit.domain import EventFilter
from app.clients.domain import IntrospectionRequest, Role
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound, Unavailable
from app.services import Services
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import EMAIL, a_client, a_session, an_account, bearer, enroll, log_in
from tests.support.postgres import end_connections, holding, overtaken

pytestmark = pytest.mark.anyio

UNKNOWN = "tks_" + "x" * 43
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def shop(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.INTROSPECT)


async def ask(api: httpx.AsyncClient, shop: httpx.BasicAuth, token: str) -> httpx.Response:
    return await api.post("/v1/introspect", data={"token": token}, auth=shop)


async def revoke(api: httpx.AsyncClient, shop: httpx.BasicAuth, token: str) -> httpx.Response:
    return await api.post("/v1/revoke", data={"token": token}, auth=shop)


async def revocations(services: Services) -> list[tuple[object, ...]]:
    found = await services.admin.events(EventFilter(), after=None, limit=200)
    return [
        (event.details["reason"], event.details["kind"], event.client_id)
        for event in found.items
        if event.type == "token.revoked"
    ]


# Introspection


async def test_a_live_token_is_told_of(
    api: httpx.AsyncClient, services: Services, clock: SetClock, shop: httpx.BasicAuth
) -> None:
    account = await an_account(services)
    session = granted(await log_in(api))
    found = granted(await ask(api, shop, session["access_token"]))
    at = int(clock.now().timestamp())
    assert found == {
        "active": True,
        "sub": str(account.id),
        "username": EMAIL,
        "email_verified": False,
        "external_id": None,
        "token_type": "Bearer",
        "iat": at,
        "exp": at + 3600,
        "auth_time": at,
        "jti": session["token"]["id"],
        "amr": ["pwd"],
        "acr": "aal1",
        "kind": "session",
        "phishing_resistant": False,
        "epoch": 0,
    }


@pytest.mark.parametrize("token", [UNKNOWN, "tkp_" + "x" * 43, "tki_" + "x" * 43, "nonsense"])
async def test_what_is_no_live_token_is_inactive_and_nothing_more(
    api: httpx.AsyncClient, shop: httpx.BasicAuth, token: str
) -> None:
    assert granted(await ask(api, shop, token)) == {"active": False}


@pytest.mark.parametrize("path", ["/v1/introspect", "/v1/revoke"])
@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", FORM, 400, "invalid_request"),
        (b"token=", FORM, 400, "invalid_request"),
        (b"token=a&token=b", FORM, 400, "invalid_request"),
        (b"token=%ff\xff", FORM, 400, "invalid_request"),
        (b"&".join([b"a=b"] * 21), FORM, 400, "invalid_request"),
        (b'{"token": "tks_"}', "application/json", 415, "unsupported_media_type"),
    ],
)
async def test_a_form_without_one_token_is_refused_in_the_words_of_oauth(
    api: httpx.AsyncClient, shop: httpx.BasicAuth, path: str, body: bytes, kind: str, status: int, code: str
) -> None:
    answer = await api.post(path, content=body, headers={"Content-Type": kind}, auth=shop)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if status == 400:
        assert answer.json()["error"] == "invalid_request"
    stranger = httpx.BasicAuth(str(new_id()), "tki_" + "x" * 43)
    message = await api.post(path, content=body, headers={"Content-Type": kind}, auth=stranger)
    assert (message.status_code, message.json()["error"]) == (401, "invalid_client"), (
        "a stranger learns nothing of its form"
    )


def written(credentials: bytes) -> str:
    return "Basic " + base64.b64encode(credentials).decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        f"Bearer {UNKNOWN}",
        "Basic",
        "Basic !",
        written(b"\xff:x"),
        written(b"no-id:tki_" + b"x" * 43),
        written(b"01a20e42a02a76c1b7f91e124c914aa0:tki_" + b"x" * 43),
        written(b"01a20e42-a02a-76c1-b7f9-1e124c914aa0:tks_" + b"x" * 43),
        written(b"01a20e42-a02a-76c1-b7f9-1e124c914aa0:tki_" + b"x" * 43),
        written(b"01a20e42-a02a-76c1-b7f9-1e124c914aa0"),
    ],
)
async def test_what_is_no_clients_proof_is_unauthorised(api: httpx.AsyncClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("/v1/introspect", "/v1/revoke"):
        answer = await api.post(path, data={"token": UNKNOWN}, headers=headers)
        assert refused(answer, 401, "invalid_client")["error"] == "invalid_client"
        assert answer.headers["www-authenticate"] == "Basic"


async def test_the_role_admin_alone_may_not_ask(api: httpx.AsyncClient, services: Services) -> None:
    operator = await a_client(services, Role.ADMIN)
    await an_account(services)
    session = await a_session(api)
    for call in (ask, revoke):
        assert (await call(api, operator, session)).json()["code"] == "insufficient_role"
    granted(await api.get("/v1/me", headers=bearer(session)))


async def test_a_fault_of_the_database_is_told_to_each_asker(
    api: httpx.AsyncClient, shop: httpx.BasicAuth, database_url: str
) -> None:
    assert granted(await ask(api, shop, UNKNOWN)) == {"active": False}
    async with holding(database_url, "LOCK TABLE clients IN ACCESS EXCLUSIVE MODE") as writer:
        asking = [asyncio.create_task(ask(api, shop, UNKNOWN)) for _ in range(3)]
        await writer.until_waiting(asking[0])
        await end_connections(database_url)
        for answer in await asyncio.gather(*asking):
            refused(answer, 503, "unavailable")
    assert granted(await ask(api, shop, UNKNOWN)) == {"active": False}


@pytest.mark.parametrize("fault", [False, True], ids=["answered", "at a fault"])
async def test_who_goes_away_while_others_ask_takes_no_answer_with_it(
    services: Services,
    database_url: str,
    fault: bool,  # noqa: FBT001 - one of the two ways
) -> None:
    command_line, question = services.clients.batcher, IntrospectionRequest(new_id(), b"x" * 32, b"y" * 32)
    async with holding(database_url, "LOCK TABLE clients IN ACCESS EXCLUSIVE MODE") as writer:
        leaving, staying = (asyncio.create_task(command_line.ask(question)) for _ in range(2))
        await writer.until_waiting(staying)
        leaving.cancel()
        if fault:
            await end_connections(database_url)
            with pytest.raises(Unavailable):
                await staying
    if not fault:
        answered = await staying
        assert answered is not None
        assert (answered.client, answered.caller) == (None, None)
    assert leaving.cancelled()


# Revocation


async def test_a_client_revokes_a_token_and_is_named(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    await an_account(services)
    session, other = await a_session(api), await a_session(api)
    assert granted(await revoke(api, shop, session)) == {}
    refused(await api.get("/v1/me", headers=bearer(session)), 401, "invalid_token")
    assert granted(await ask(api, shop, session)) == {"active": False}
    granted(await api.get("/v1/me", headers=bearer(other)))
    (client,) = await services.clients.all()
    assert await revocations(services) == [("revoked_by_client", "session", str(client.id))]


async def test_what_is_no_live_token_is_as_good_as_revoked(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    await an_account(services)
    session = await a_session(api)
    await api.post("/v1/logout", headers=bearer(session))
    for token in (UNKNOWN, "nonsense", "tki_" + "x" * 43, session):
        assert granted(await revoke(api, shop, token)) == {}
    assert [reason for reason, *_ in await revocations(services)] == ["logout"]


async def test_a_token_that_ended_meanwhile_is_revoked_once(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth, database_url: str
) -> None:
    await an_account(services)
    session = granted(await log_in(api))
    ended = "DELETE FROM tokens WHERE id = $1"
    revoking = revoke(api, shop, session["access_token"])
    assert granted(await overtaken(database_url, revoking, ended, UUID(session["token"]["id"]))) == {}
    assert await revocations(services) == []


# Forward authentication


async def test_a_proxy_learns_whose_request_it_is(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    account = await an_account(services)
    session = await a_session(api)
    passed = await api.get("/v1/forward-auth", headers=bearer(session))
    assert passed.status_code == 204
    message = {name: passed.headers[f"x-auth-{name}"] for name in ("account-id", "email", "acr")}
    assert message == {"account-id": str(account.id), "email": EMAIL, "acr": "aal1"}
    response = await api.get("/v1/forward-auth", params={"acr": "aal2"}, headers=bearer(session))
    refused(response, 403, "insufficient_authentication")

    device = await enroll(api, session, clock.now())
    again = await api.get("/v1/forward-auth", params={"acr": "aal2"}, headers=bearer(device.token))
    assert (again.status_code, again.headers["x-auth-acr"]) == (204, "aal2")
    refused(await api.get("/v1/forward-auth", headers=bearer(session)), 401, "invalid_token")


# Clients themselves


async def test_a_client_that_is_deleted_asks_no_more(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    (client,) = await services.clients.all()
    await services.clients.delete(client.id)
    refused(await ask(api, shop, UNKNOWN), 401, "invalid_client")
    with pytest.raises(NotFound):
        await services.clients.delete(client.id)
    assert await services.clients.all() == []
