"""An operator changes a person's address."""

import base64

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from tests.email_change.address_change import NEW, THIRD, confirm, link_to, me, posted, request, undo
from tests.support.answers import granted, refused
from tests.support.people import (
    EMAIL,
    a_client,
    a_session,
    an_account,
    bearer,
)

pytestmark = pytest.mark.anyio


async def test_an_operator_changes_the_address_at_once(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    session = await a_session(api)
    client = await a_client(services, Role.ACCOUNTS_WRITE)
    granted(await request(api, session, THIRD), 202)
    link = await link_to(services, THIRD)
    changed = granted(await api.patch(f"/v1/admin/accounts/{account.id}", json={"email": NEW}, auth=client))
    assert (changed["email"], changed["email_verified_at"], changed["pending_email"]) == (NEW, None, None)
    refused(await api.get("/v1/me", headers=bearer(session)), 401, "invalid_token")
    refused(await confirm(api, link), 410, "email_token_invalid")
    told = await posted(services, "email_changed", "email_changed_by_admin")
    assert [(mail.kind, mail.to) for mail in told] == [("email_changed", EMAIL), ("email_changed_by_admin", NEW)]
    page = granted(await api.get("/v1/me/events", headers=bearer(await a_session(api, NEW))))
    [event] = [each for each in page["items"] if each["type"] == "email.changed"]
    assert event["details"]["client_id"] == client_id(client)
    assert granted(await undo(api, told[0].token)) == {"email": EMAIL}


def client_id(client: httpx.BasicAuth) -> str:

    return base64.b64decode(client._auth_header.removeprefix("Basic ")).decode().partition(":")[0]


async def test_an_operator_is_told_that_an_address_is_taken(api: httpx.AsyncClient, services: Services) -> None:
    account = await an_account(services)
    await an_account(services, NEW)
    session, client = await a_session(api), await a_client(services, Role.ADMIN)
    url = f"/v1/admin/accounts/{account.id}"
    refused(await api.patch(url, json={"email": NEW, "status": "disabled"}, auth=client), 409, "email_taken")
    granted(await api.patch(url, json={"email": EMAIL}, auth=client))
    refused(await api.patch(url, json={}, auth=client), 422, "invalid_request")
    refused(await api.patch(url, json={"email": "no address"}, auth=client), 422, "invalid_request")
    assert (await me(api, session))["status"] == "active", "nothing was changed"
