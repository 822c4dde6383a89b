"""One password, however a keyboard composes it (RFC 8265, OpaqueString); and what was hashed before that."""

import httpx
import pytest
from passlib.hash import argon2
from sqlalchemy import update

from app.accounts.tables import accounts
from app.services import Services
from tests.support.answers import granted, refused
from tests.support.people import a_session, an_account, bearer, log_in

pytestmark = pytest.mark.anyio
COMPOSED = "gr\u00fcne-t\u00fcr-am-fl\u00fcsschen"
DECOMPOSED = "gru\u0308ne-tu\u0308r-am-flu\u0308sschen"
HASH = argon2.using(type="ID", memory_cost=8, time_cost=1, parallelism=1)  # type: ignore[no-untyped-call]


async def an_account_hashed_before(services: Services, password: str) -> None:
    """Its hash is of the text as it was sent."""
    account = await an_account(services)
    async with services.database.transaction() as connection:
        changed = update(accounts).where(accounts.c.id == account.id).values(password_hash=HASH.hash(password))
        await connection.execute(changed)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("tangled\u00a0orchid basement", "tangled orchid\u3000basement"),
        ("tangled-orchid-\u212b", "tangled-orchid-\u00c5"),
    ],
    ids=["composed", "decomposed", "spaces", "angstrom"],
)
async def test_a_password_is_the_same_in_each_form(
    api: httpx.AsyncClient, services: Services, chosen: str, typed: str
) -> None:
    await an_account(services, password=chosen)
    for password in (typed, chosen):
        granted(await log_in(api, password=password))


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("tangled-orchid-basement", "Tangled-orchid-basement"),
        ("tangled-orchid-basement", "\uff54angled-orchid-basement"),
        ("tangled-orchid-basement", " tangled-orchid-basement"),
        ("tangled-\ufb01orchid-basement", "tangled-fiorchid-basement"),
    ],
    ids=["case", "width", "space around", "ligature"],
)
async def test_what_looks_alike_is_another_password(
    api: httpx.AsyncClient, services: Services, chosen: str, typed: str
) -> None:
    await an_account(services, password=chosen)
    refused(await log_in(api, password=typed), 401, "invalid_credentials")


async def test_a_hash_of_the_text_as_sent_goes_on_working_and_is_renewed(
    api: httpx.AsyncClient, services: Services
) -> None:
    await an_account_hashed_before(services, DECOMPOSED)
    refused(await log_in(api, password=COMPOSED), 401, "invalid_credentials")

    granted(await log_in(api, password=DECOMPOSED))

    granted(await log_in(api, password=COMPOSED))
    granted(await log_in(api, password=DECOMPOSED))


async def test_a_hash_from_before_proves_its_owner_again(api: httpx.AsyncClient, services: Services) -> None:
    await an_account_hashed_before(services, DECOMPOSED)
    session = await a_session(api, password=DECOMPOSED)
    granted(await api.post("/v1/me/2fa/enrollment", json={"password": DECOMPOSED}, headers=bearer(session)), 201)


async def test_a_password_is_as_long_as_it_is_compared(api: httpx.AsyncClient, services: Services) -> None:
    await an_account_hashed_before(services, "\u0958" * 200)
    granted(await log_in(api, password="\u0958" * 200))
