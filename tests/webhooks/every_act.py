"""A story in which every type of event is written: each part plays the acts of one subject, by way of the API."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from app.services import Services
from tests.conftest import SetClock
from tests.email_change.address_change import move, posted, request, undo
from tests.imports.lines import a_line, send
from tests.support.answers import granted, refused
from tests.support.keys import SoftwareKey, a_key, challenge, options_of, second_step
from tests.support.marks import PATIENCE
from tests.support.people import (
    EMAIL,
    NEW_PASSWORD,
    PASSWORD,
    a_session,
    an_account,
    an_operator,
    bearer,
    begin,
    enroll,
    log_in,
    totp_code,
    wrong_code,
)
from tests.support.receiving import Receiver

EXTERNAL_ID = "u-1"
CLEARING = timedelta(minutes=1)
DEVICE, TOKEN = "Ada's Pixel", "Ada's laptop"
WHY = {"reason": "Ada Lovelace called from +44 20 7946 0000."}
BY_PASSWORD = {"password": PASSWORD}


@dataclass(frozen=True)
class Stage:
    api: httpx.AsyncClient
    services: Services
    clock: SetClock
    operator: httpx.BasicAuth

    async def call(self, method: str, path: str, body: Any = None, *, token: str = "", status: int = 200) -> Any:
        """By whoever has this token, or else by the operator."""
        by: dict[str, Any] = {"headers": bearer(token)} if token else {"auth": self.operator}
        answer = await self.api.request(method, path, json=body, **by)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else {}

    async def someone(self, email: str) -> tuple[UUID, str]:
        """A new account and a session."""
        account = await an_account(self.services, email)
        return account.id, await a_session(self.api, email)

    async def mailed(self, email: str, kind: str, fact: str = "token") -> str:
        """What the newest of these mails to this address says."""
        return str([mail.context.facts[fact] for mail in await posted(self.services, kind) if mail.to == email][-1])

    async def reset(self, email: str, password: str) -> None:
        granted(await self.api.post("/v1/password-reset", json={"email": email}), 202)
        body = {"token": await self.mailed(email, "password_reset"), "new_password": password}
        granted(await self.api.post("/v1/password-reset/confirm", json=body))


async def apps(stage: Stage) -> None:
    email = "apps@example.com"
    _, token = await stage.someone(email)
    await begin(stage.api, token)
    await stage.call("DELETE", "/v1/me/2fa/enrollment", token=token, status=204)
    device = await enroll(stage.api, token, stage.clock.now())
    wrong = wrong_code(device.secret, stage.clock)
    refused(await log_in(stage.api, email, NEW_PASSWORD), 401, "invalid_credentials")
    refused(await log_in(stage.api, email, code=wrong), 401, "invalid_code")
    granted(await log_in(stage.api, email, code=device.recovery_codes[0]))
    token = device.token
    await stage.call("POST", "/v1/me/2fa/recovery-codes", {"password": NEW_PASSWORD}, token=token, status=403)
    await stage.call("POST", "/v1/me/2fa/recovery-codes", BY_PASSWORD, token=token, status=201)
    listed = await stage.call("GET", "/v1/me/2fa/authenticators", token=token)
    body = {"replaces": listed["items"][0]["id"], "name": DEVICE, **BY_PASSWORD}
    begun = await stage.call("POST", "/v1/me/2fa/enrollment", body, token=token, status=201)
    code = {"code": totp_code(begun["secret"], stage.clock.now())}
    await stage.call("POST", "/v1/me/2fa/confirm", code, token=token)


async def keys(stage: Stage) -> None:
    _, token = await stage.someone(EMAIL)
    held = await a_key(stage.api, token, name=DEVICE)
    second = await a_key(stage.api, held.token)
    path = f"/v1/me/2fa/authenticators/{second.id}"
    await stage.call("PATCH", path, {"name": DEVICE}, token=second.token)
    removed = await stage.call("POST", f"{path}/remove", BY_PASSWORD, token=second.token)
    for key, counter in ((held.key, 5), (held.key, 5), (SoftwareKey(), 1)):
        secret = await challenge(stage.api)
        await second_step(stage.api, secret, key.get(await options_of(stage.api, secret), counter=counter))
    await stage.call("POST", "/v1/me/2fa/disable", BY_PASSWORD, token=removed["grant"]["access_token"])


async def passwords_and_tokens(stage: Stage) -> None:
    email = "tokens@example.com"
    _, token = await stage.someone(email)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    token = (await stage.call("POST", "/v1/me/password", body, token=token))["grant"]["access_token"]
    made = await stage.call("POST", "/v1/me/tokens", {"description": "CI"}, token=token, status=201)
    named = {"description": TOKEN}
    await stage.call("PATCH", f"/v1/me/tokens/{made['token']['id']}", named, token=token)
    await stage.call("PATCH", "/v1/me", {"locale": "de-CH"}, token=token)
    await stage.call("POST", "/v1/me/tokens/revoke-all", token=token)
    await stage.call("POST", "/v1/logout", token=token, status=204)
    link = await stage.mailed(email, "password_changed", "not_me")
    granted(await stage.api.post("/v1/not-me", json={"token": link}))


async def mailbox(stage: Stage) -> None:
    """Of the account that `keys` left without two-factor authentication."""
    token = await a_session(stage.api)
    granted(await request(stage.api, token), 202)
    await stage.call("DELETE", "/v1/me/email/pending", token=token, status=204)
    granted(await undo(stage.api, await move(stage.api, stage.services, token)))
    await stage.reset(EMAIL, NEW_PASSWORD)


async def clearing(stage: Stage) -> None:
    email = "clearing@example.com"
    id, token = await stage.someone(email)
    await enroll(stage.api, token, stage.clock.now())
    await stage.reset(email, NEW_PASSWORD)
    await stage.call("POST", f"/v1/admin/accounts/{id}/2fa/clearing/cancel", WHY)
    await stage.reset(email, PASSWORD)
    stage.clock.advance(CLEARING)
    granted(await log_in(stage.api, email))


async def operators(stage: Stage) -> None:
    id, _ = await stage.someone("helped@example.com")
    path = f"/v1/admin/accounts/{id}"
    await stage.call("PATCH", path, {"two_factor_policy": "exempt", **WHY})
    await stage.call("PATCH", path, {"email": "helped@example.org"})
    await stage.call("PATCH", path, {"status": "disabled"})
    await stage.call("PATCH", path, {"status": "active"})
    await stage.call("POST", f"{path}/unlock", WHY)
    await stage.call("POST", f"{path}/2fa/reset", WHY)
    await stage.services.access.revoke_every_token("Ada's backup", an_operator(stage.services))
    left, _ = await stage.someone("left@example.com")
    await stage.call("DELETE", f"/v1/admin/accounts/{left}", status=204)


async def imports(stage: Stage) -> None:
    old = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    password = {"scheme": "md5", "hash": old}
    for locale in ("en", "de-CH"):
        await send(stage.api, stage.operator, a_line(1, external_id=EXTERNAL_ID, password=password, locale=locale))
    granted(await log_in(stage.api, "person1@example.com"))


async def webhooks(stage: Stage) -> None:
    made = await stage.call(
        "POST", "/v1/admin/webhooks", {"url": "https://shop.example.com/", "types": ["*"]}, status=201
    )
    path = f"/v1/admin/webhooks/{made['id']}"
    await stage.call("PATCH", path, {"description": "Ada's shop"})
    await stage.call("POST", f"{path}/rotate-secret")
    await stage.call("DELETE", path, status=204)
    async with Receiver(answer=lambda _: 410).running() as gone, asyncio.timeout(PATIENCE):
        body = {"url": gone.url, "types": ["account.created"]}
        made = await stage.call("POST", "/v1/admin/webhooks", body, status=201)
        await an_account(stage.services, "gone@example.com")
        while (await stage.call("GET", f"/v1/admin/webhooks/{made['id']}"))["enabled"]:
            await stage.services.webhook_delivery.deliver_due()


PARTS: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    webhooks,
    keys,
    apps,
    passwords_and_tokens,
    mailbox,
    clearing,
    operators,
    imports,
)
