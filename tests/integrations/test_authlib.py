"""Authlib's client and resource protector (RFC 6749, 6750, 7009, 7662), neither of which we wrote, against us."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import httpx
import pytest
from authlib.oauth2.rfc6749 import ResourceProtector
from authlib.oauth2.rfc6749.errors import MissingAuthorizationError
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator

from tests.integrations.clients import Known
from tests.integrations.conftest import Service
from tests.support.people import a_session, an_account, bearer

with warnings.catch_warnings():
    # It says that it will leave httpx for httpx2.
    warnings.simplefilter("ignore")
    from authlib.integrations.httpx_client import OAuth2Client

pytestmark = pytest.mark.anyio


@contextmanager
def library(client: Known) -> Iterator[Any]:
    opened = OAuth2Client(client.id, client.secret, token_endpoint_auth_method="client_secret_basic")
    yield opened
    opened.close()


class Introspecting(IntrospectTokenValidator):  # type: ignore[misc] # published without types
    """As Authlib's documentation says to do it: only the endpoint is ours to name."""

    def __init__(self, service: Service, client: Known) -> None:
        super().__init__(realm="orders")
        self._endpoint = f"{service.address}/v1/introspect"
        self._client = client

    def introspect_token(self, token_string: str) -> Any:
        with library(self._client) as client:
            answer = client.introspect_token(self._endpoint, token=token_string, token_type_hint="access_token")
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True)
class Asked:
    """What a resource protector looks at."""

    headers: dict[str, str]


async def holder(service: Service, response: dict[str, str], client: Known | None = None) -> Any:
    """Whom a resource server that is built on Authlib lets in."""
    protector = ResourceProtector()
    protector.register_token_validator(Introspecting(service, client or service.introspector))
    return await anyio.to_thread.run_sync(protector.validate_request, None, Asked(response))


async def test_its_resource_protector_lets_in_who_may(service: Service, served: httpx.AsyncClient) -> None:
    email = "authlib-resource@example.com"
    account = await an_account(service.services, email)
    token = await a_session(served, email)
    found = await holder(service, bearer(token))
    assert (found["sub"], found["username"], found["acr"]) == (str(account.id), email, "aal1")
    with pytest.raises(MissingAuthorizationError):
        await holder(service, {})
    assert (await served.post("/v1/logout", headers=bearer(token))).status_code == 204
    with pytest.raises(InvalidTokenError):
        await holder(service, bearer(token))


async def test_its_client_revokes(service: Service, served: httpx.AsyncClient) -> None:
    email = "authlib-revoke@example.com"
    await an_account(service.services, email)
    token = await a_session(served, email)
    with library(service.introspector) as client:
        for hint in ("access_token", None):
            answer = await anyio.to_thread.run_sync(client.revoke_token, f"{service.address}/v1/revoke", token, hint)
            assert answer.status_code == 200
    with pytest.raises(InvalidTokenError):
        await holder(service, bearer(token))


async def test_it_understands_our_refusals(service: Service) -> None:
    with library(Known(service.introspector.id, service.operator.secret)) as wrong:
        answer = await anyio.to_thread.run_sync(wrong.introspect_token, f"{service.address}/v1/introspect", "x")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    with pytest.raises(httpx.HTTPStatusError):
        await holder(service, bearer("tks_x"), service.operator)
