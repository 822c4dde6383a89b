"""Changing the address of an account the way people do, by way of the API and the mails."""

from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import select

from app.mail.domain import MailContext, unpack
from app.mail.tables import outbox
from app.services import Services
from tests.support.answers import granted
from tests.support.people import EMAIL, NEW_PASSWORD, PASSWORD, a_session, bearer


@dataclass(frozen=True)
class Posted:
    kind: str
    context: MailContext

    @property
    def to(self) -> str:
        return self.context.to

    @property
    def token(self) -> str:
        return str(self.context.facts["token"])


async def posted(services: Services, *kinds: str) -> list[Posted]:
    """All, or those of these kinds, the oldest first, once the worker has answered what waits."""
    await services.password_reset.answer_requests()
    await services.email_change.answer_requests()
    query = select(outbox.c.account_id, outbox.c.letter, outbox.c.sealed, outbox.c.created_at).order_by(outbox.c.id)
    async with services.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    box = services.secret_box
    found = [Posted(row.letter, unpack(box.open(row.sealed, owner=row.account_id), at=row.created_at)) for row in rows]
    return [each for each in found if not kinds or each.kind in kinds]


NEW = "ada.lovelace@example.org"
THIRD = "countess@example.net"


async def request(api: httpx.AsyncClient, token: str, email: str = NEW, password: str = PASSWORD) -> httpx.Response:
    return await api.post("/v1/me/email", json={"new_email": email, "password": password}, headers=bearer(token))


async def link_to(services: Services, email: str = NEW) -> str:
    """The newest that was sent there."""
    return [mail.token for mail in await posted(services, "email_change") if mail.to == email][-1]


async def confirm(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/email-change/confirm", json={"token": token})


async def undo(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/email-change/undo", json={"token": token})


async def move(api: httpx.AsyncClient, services: Services, session: str, email: str = NEW) -> str:
    """The undo link that the mailbox before gets."""
    granted(await request(api, session, email), 202)
    granted(await confirm(api, await link_to(services, email)))
    return (await posted(services, "email_changed"))[-1].token


async def me(api: httpx.AsyncClient, session: str) -> dict[str, Any]:
    return granted(await api.get("/v1/me", headers=bearer(session)))


async def email_events(api: httpx.AsyncClient, session: str) -> list[str]:
    page = granted(await api.get("/v1/me/events", headers=bearer(session)))
    return [event["type"] for event in page["items"] if event["type"].startswith("email.")]


async def reset(api: httpx.AsyncClient, services: Services, email: str = EMAIL) -> str:
    """A new password through the mailbox, and a session by it."""
    granted(await api.post("/v1/password-reset", json={"email": email}), 202)
    token = (await posted(services, "password_reset"))[-1].token
    granted(await api.post("/v1/password-reset/confirm", json={"token": token, "new_password": NEW_PASSWORD}))
    return await a_session(api, email, NEW_PASSWORD)
