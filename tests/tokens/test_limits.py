"""What a personal token is limited to: words for other services, and the addresses that it works from."""

from typing import Any

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from tests.support.answers import granted, refused
from tests.support.people import a_client, a_session, an_account, bearer

pytestmark = pytest.mark.anyio
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
async def shop(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.INTROSPECT)


async def make(api: httpx.AsyncClient, session: str, **more: Any) -> httpx.Response:
    return await api.post("/v1/me/tokens", json={"description": "Backup", **more}, headers=bearer(session))


async def made(api: httpx.AsyncClient, services: Services, **more: Any) -> dict[str, Any]:
    await an_account(services)
    return granted(await make(api, await a_session(api), **more), 201)


async def call(api: httpx.AsyncClient, token: str, path: str = "/v1/me", *, address: str, **more: str) -> int:
    headers = bearer(token) | {"X-Forwarded-For": address} | more
    return (await api.get(path, headers=headers)).status_code


async def asked(api: httpx.AsyncClient, shop: httpx.BasicAuth, token: str, **form: Any) -> dict[str, Any]:
    return granted(await api.post("/v1/introspect", data={"token": token, **form}, auth=shop))


async def test_scopes_are_words_for_those_who_ask(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    words = ["orders:read", "https://api.example.com/~all", "!#$%&'()*+,-./[]^_`{|}~"]
    token = await made(api, services, scopes=words)

    assert token["token"]["scopes"] == words
    assert (await asked(api, shop, token["access_token"]))["scope"] == " ".join(words)
    listed = granted(await api.get("/v1/me/tokens", headers=bearer(token["access_token"])))
    assert listed["current"]["scopes"] == words


async def test_without_limits_a_token_has_none(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    token = await made(api, services, scopes=None, ip_allowlist=None)

    assert (token["token"]["scopes"], token["token"]["ip_allowlist"]) == (None, None)
    assert "scope" not in await asked(api, shop, token["access_token"], client_ip=ELSEWHERE)
    assert await call(api, token["access_token"], address=ELSEWHERE) == 200


@pytest.mark.parametrize(
    ("limits", "pointer"),
    [
        ({"scopes": ["a"] * 21}, "/scopes"),
        ({"scopes": ["two words"]}, "/scopes/0"),
        ({"scopes": ["a", 'with"quote']}, "/scopes/1"),
        ({"scopes": ["back\\slash"]}, "/scopes/0"),
        ({"scopes": ["line\n"]}, "/scopes/0"),
        ({"scopes": [""]}, "/scopes/0"),
        ({"scopes": ["é"]}, "/scopes/0"),
        ({"scopes": "orders"}, "/scopes"),
        ({"ip_allowlist": []}, "/ip_allowlist"),
        ({"ip_allowlist": ["10.0.0.1"] * 21}, "/ip_allowlist"),
        ({"ip_allowlist": ["10.0.0.5/8"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": ["10.0.0.1", "2001:db8::1/32"]}, "/ip_allowlist/1"),
        ({"ip_allowlist": ["::ffff:10.0.0.5/104"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": ["10.0.0.0/255.0.0.0"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": ["fe80::1%eth0"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": ["010.0.0.1"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": ["10.0.0.0/33"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": ["example.com"]}, "/ip_allowlist/0"),
        ({"ip_allowlist": [167772161]}, "/ip_allowlist/0"),
    ],
)
async def test_what_is_no_limit_is_refused(
    api: httpx.AsyncClient, services: Services, limits: dict[str, Any], pointer: str
) -> None:
    await an_account(services)
    answer = await make(api, await a_session(api), **limits)
    assert refused(answer, 422, "invalid_request")["errors"][0]["pointer"] == pointer


async def test_a_token_works_from_its_addresses_alone(api: httpx.AsyncClient, services: Services) -> None:
    token = await made(api, services, ip_allowlist=["203.0.113.7", "2001:DB8::/32"])
    secret = token["access_token"]

    assert token["token"]["ip_allowlist"] == ["203.0.113.7", "2001:db8::/32"]
    for path, passed in (("/v1/me", 200), ("/v1/forward-auth", 204)):
        for address in (HOME, "::ffff:203.0.113.7", "2001:db8:1::9"):
            assert await call(api, secret, path, address=address) == passed
        for address in (ELSEWHERE, "203.0.113.8", "2001:db9::1"):
            assert await call(api, secret, path, address=address) == 401
    answer = await api.post("/v1/logout", headers=bearer(secret) | {"X-Forwarded-For": ELSEWHERE})
    refused(answer, 401, "invalid_token")


async def test_an_ipv4_network_may_be_written_as_ipv6(api: httpx.AsyncClient, services: Services) -> None:
    token = await made(api, services, ip_allowlist=["::ffff:203.0.113.0/120"])

    assert token["token"]["ip_allowlist"] == ["203.0.113.0/24"]
    assert await call(api, token["access_token"], address=HOME) == 200
    assert await call(api, token["access_token"], address=ELSEWHERE) == 401


async def test_use_from_elsewhere_is_no_use(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    session = await a_session(api)
    token = granted(await make(api, session, ip_allowlist=[HOME]), 201)["access_token"]
    assert await call(api, token, address=ELSEWHERE) == 401

    (listed,) = granted(await api.get("/v1/me/tokens?kind=personal", headers=bearer(session)))["items"]

    assert (listed["last_used_at"], listed["last_used_ip"], listed["last_used_user_agent"]) == (None, None, None)


async def test_the_last_user_agent_goes_with_the_last_address(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    await an_account(services)
    session = await a_session(api)
    token = granted(await make(api, session), 201)["access_token"]

    async def last_use() -> tuple[str, str | None]:
        (listed,) = granted(await api.get("/v1/me/tokens?kind=personal", headers=bearer(session)))["items"]
        return listed["last_used_ip"], listed["last_used_user_agent"]

    await call(api, token, address=HOME, **{"User-Agent": "curl/8.5\t" + "x" * 300})
    assert await last_use() == (HOME, "curl/8.5 " + "x" * 247)
    await asked(api, shop, token)
    assert await last_use() == (HOME, "curl/8.5 " + "x" * 247), "who asks is not who holds it"
    await asked(api, shop, token, client_ip=ELSEWHERE)
    assert await last_use() == (ELSEWHERE, None)


async def test_introspection_looks_at_the_address_that_it_is_told(
    api: httpx.AsyncClient, services: Services, shop: httpx.BasicAuth
) -> None:
    secret = (await made(api, services, ip_allowlist=["203.0.113.0/24"]))["access_token"]

    assert (await asked(api, shop, secret))["active"] is True
    for address in (HOME, "::ffff:203.0.113.9"):
        assert (await asked(api, shop, secret, client_ip=address))["active"] is True
    for address in (ELSEWHERE, "::1"):
        assert await asked(api, shop, secret, client_ip=address) == {"active": False}


@pytest.mark.parametrize(
    "addresses", [[""], ["here"], ["203.0.113.7:443"], ["203.0.113.0/24"], ["1" * 600], [HOME, HOME], ["203.0.113.7 "]]
)
async def test_an_address_that_is_none_is_a_malformed_form(
    api: httpx.AsyncClient, shop: httpx.BasicAuth, addresses: list[str]
) -> None:
    form = {"token": "tks_unknown", "client_ip": addresses}
    answer = await api.post("/v1/introspect", data=form, auth=shop)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    stranger = await api.post("/v1/introspect", data=form, auth=("nobody", "tki_x"))
    assert refused(stranger, 401, "invalid_client")["error"] == "invalid_client"
