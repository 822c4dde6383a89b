"""Builders: accounts, log-ins, enrolled devices, all by way of the API where people would go that way."""

import asyncio
import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import SecretStr
from sqlalchemy import text

from app.accounts.domain import Account
from app.clients.domain import Role
from app.kernel.request_context import RequestContext
from app.kernel.secret import digest
from app.services import Services
from app.settings import Settings
from tests.support.marks import PATIENCE

if TYPE_CHECKING:
    from tests.conftest import SetClock

KEY = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
PASSWORD = "tangled-orchid-basement-41"
NEW_PASSWORD = "walnut-harbour-sixteen-kites"
EMAIL = "ada@example.com"
STEP = timedelta(seconds=30)


def quick_settings(database_url: str, *keys: str, **more: Any) -> Settings:
    """The default settings, with a hash that costs nothing."""
    return Settings(
        database_url=SecretStr(database_url),
        secret_keys=tuple(SecretStr(key) for key in keys or (KEY,)),
        argon2_memory_kib=1024,
        argon2_time_cost=1,
        **more,
    )


def totp_code(secret: str, at: datetime, *, steps: int = 0) -> str:
    """RFC 6238 by hand, so that no library of ours checks itself."""
    counter = int(at.timestamp()) // 30 + steps
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1)
    offset = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def wrong_code(secret: str, clock: "SetClock") -> str:
    """Six digits that no step nearby has."""
    near = {totp_code(secret, clock.now(), steps=steps) for steps in range(-20, 21)}
    return next(code for code in map("{:06d}".format, range(100)) if code not in near)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def a_request(services: Services) -> RequestContext:
    """At this moment, from nowhere."""
    return RequestContext(services.clock.now())


def an_operator(services: Services) -> RequestContext:
    """At this moment, on the command line."""
    return RequestContext(services.clock.now(), operator="test")


async def an_account(services: Services, email: str = EMAIL, password: str | None = PASSWORD) -> Account:
    params = SecretStr(password) if password else None
    return (await services.admin.create(email, params, an_operator(services))).account


async def a_client(services: Services, *roles: Role) -> httpx.BasicAuth:
    made = await services.clients.create("Support desk", roles)
    return httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())


async def log_in(api: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> httpx.Response:
    return await api.post("/v1/login", json={"email": email, "password": password, **more})


async def a_session(api: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> str:
    answer = await log_in(api, email, password)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@dataclass(frozen=True)
class Enrolled:
    secret: str
    token: str
    recovery_codes: list[str]
    confirmed: dict[str, Any]


async def begin(api: httpx.AsyncClient, token: str, password: str = PASSWORD) -> dict[str, Any]:
    answer = await api.post("/v1/me/2fa/enrollment", json={"password": password}, headers=bearer(token))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def enroll(api: httpx.AsyncClient, token: str, at: datetime, password: str = PASSWORD) -> Enrolled:
    """Enables two-factor authentication; the code of the step of `at` is spent by it."""
    secret = (await begin(api, token, password))["secret"]
    code = totp_code(secret, at)
    answer = await api.post("/v1/me/2fa/confirm", json={"code": code}, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return Enrolled(secret, body["grant"]["access_token"], body["recovery_codes"], body)


async def enrolled_account(api: httpx.AsyncClient, services: Services, clock: "SetClock") -> Enrolled:
    """An account with 2FA on, a step after the confirming code was used."""
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    clock.advance(STEP)
    return device


async def answer_challenge(api: httpx.AsyncClient, challenge: str, code: str) -> httpx.Response:
    return await api.post("/v1/login/two-factor", json={"challenge": challenge, "code": code})


async def until_use_is_written(services: Services, token: str) -> None:
    """The loop beside the requests may have taken this moment's use with it, and be on its way to the database."""
    await services.tokens.uses.write()
    written = text("SELECT last_used_at = :at FROM tokens WHERE digest = :digest")
    params = {"at": services.clock.now(), "digest": digest(SecretStr(token))}
    async with asyncio.timeout(PATIENCE), services.database.autocommit() as connection:
        while not await connection.scalar(written, params):  # noqa: ASYNC110 - the database has no event
            await asyncio.sleep(0.01)
