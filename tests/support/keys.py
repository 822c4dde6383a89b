"""Builders: security keys and passkeys that were registered by way of the API, and log-ins with them."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.answers import granted
from tests.support.people import PASSWORD, bearer, log_in
from tests.support.software_key import SoftwareKey


@dataclass(frozen=True)
class Held:
    """A key in the hands of its owner, and the session that its registration left."""

    key: SoftwareKey
    token: str
    id: str
    registered: dict[str, Any]


async def registration(
    api: httpx.AsyncClient, token: str, *, passkey: bool = False, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    body = {"password": password, "passkey": passkey, **more}
    return await api.post("/v1/me/2fa/webauthn/options", json=body, headers=bearer(token))


async def register(api: httpx.AsyncClient, token: str, secret: str, credential: Any) -> httpx.Response:
    body = {"registration": secret, "credential": credential}
    return await api.post("/v1/me/2fa/webauthn", json=body, headers=bearer(token))


async def a_key(
    api: httpx.AsyncClient, token: str, key: SoftwareKey | None = None, *, passkey: bool = False, **more: Any
) -> Held:
    """Registered by way of the API, as a security key or as a passkey."""
    key = key or SoftwareKey()
    begun = granted(await registration(api, token, passkey=passkey, **more), 201)
    answer = await register(api, token, begun["registration"], key.create(begun["public_key"]))
    body = granted(answer)
    return Held(key, body["grant"]["access_token"], body["authenticator"]["id"], body)


async def challenge(api: httpx.AsyncClient) -> str:
    return str(granted(await log_in(api))["challenge"])


async def options_of(api: httpx.AsyncClient, secret: str) -> dict[str, Any]:
    found: dict[str, Any] = granted(await api.post("/v1/login/two-factor/options", json={"challenge": secret}))
    return dict(found["public_key"])


async def second_step(api: httpx.AsyncClient, secret: str, credential: Any) -> httpx.Response:
    return await api.post("/v1/login/two-factor", json={"challenge": secret, "credential": credential})


async def log_in_with_key(api: httpx.AsyncClient, key: SoftwareKey) -> httpx.Response:
    secret = await challenge(api)
    return await second_step(api, secret, key.get(await options_of(api, secret)))


async def passkey_options(api: httpx.AsyncClient) -> dict[str, Any]:
    return granted(await api.post("/v1/login/passkey/options", json={}))


async def log_in_with_passkey(api: httpx.AsyncClient, key: SoftwareKey, **tampered: Any) -> httpx.Response:
    begun = await passkey_options(api)
    body = {"challenge": begun["challenge"], "credential": key.get(begun["public_key"], **tampered)}
    return await api.post("/v1/login/passkey", json=body)


async def reauthentication_options(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/me/reauthenticate/options", json={}, headers=bearer(token))


async def reauthenticate(api: httpx.AsyncClient, token: str, **proof: Any) -> httpx.Response:
    return await api.post("/v1/me/reauthenticate", json=proof, headers=bearer(token))


async def authenticators(api: httpx.AsyncClient, token: str) -> dict[str, Any]:
    return granted(await api.get("/v1/me/2fa/authenticators", headers=bearer(token)))
