"""A client's secrets: two live while one takes the place of the other, and when they were last used."""

import asyncio

import httpx
import pytest

from app.clients.domain import MadeClient, Role, TwoSecretsAlready
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.services import Services
from tests.conftest import SetClock

pytestmark = pytest.mark.anyio


async def status(api: httpx.AsyncClient, made: MadeClient) -> tuple[int, int]:
    """Of a question about a token, which is checked in a batch, and of an operator's call."""
    auth = httpx.BasicAuth(str(made.client.id), made.secret.get_secret_value())
    introspection = await api.post("/v1/introspect", data={"token": "tks_unknown"}, auth=auth)
    return introspection.status_code, (await api.get("/v1/admin/accounts", auth=auth)).status_code


async def test_two_secrets_live_until_the_old_one_is_ended(api: httpx.AsyncClient, services: Services) -> None:
    old = await services.clients.create("Shop", [Role.INTROSPECT, Role.ADMIN])
    new = await services.clients.rotate_secret(old.client.id)
    assert [await status(api, each) for each in (old, new)] == [(200, 200)] * 2

    assert await services.clients.end_old_secret(old.client.id) is True

    assert [await status(api, each) for each in (old, new)] == [(401, 401), (200, 200)]
    assert await services.clients.end_old_secret(old.client.id) is False
    assert await status(api, new) == (200, 200)


async def test_a_third_secret_waits_for_the_end_of_the_first(api: httpx.AsyncClient, services: Services) -> None:
    old = await services.clients.create("Shop", [Role.INTROSPECT, Role.ADMIN])
    done = await asyncio.gather(
        *(services.clients.rotate_secret(old.client.id) for _ in range(4)), return_exceptions=True
    )
    (new,) = (each for each in done if isinstance(each, MadeClient))
    assert sum(isinstance(each, TwoSecretsAlready) for each in done) == 3
    assert [await status(api, each) for each in (old, new)] == [(200, 200)] * 2


async def test_a_client_that_is_none_has_no_secret_to_change(services: Services) -> None:
    for change in (services.clients.rotate_secret, services.clients.end_old_secret):
        with pytest.raises(NotFound):
            await change(new_id())


async def test_a_secret_is_that_of_its_own_client(api: httpx.AsyncClient, services: Services) -> None:
    one, two = [await services.clients.create(name, [Role.INTROSPECT, Role.ADMIN]) for name in ("Shop", "Bank")]
    newer = await services.clients.rotate_secret(one.client.id)
    for secret in (one.secret, newer.secret):
        assert await status(api, MadeClient(two.client, secret)) == (401, 401)


async def test_the_last_use_of_a_client_is_seen(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    made = await services.clients.create("Shop", [Role.INTROSPECT])

    async def last_used() -> object:
        await services.clients.note_uses()
        (client,) = await services.clients.all()
        return client.last_used_at

    wrong = MadeClient((await services.clients.create("Bank", [Role.ADMIN])).client, made.secret)
    await services.clients.delete(wrong.client.id)
    await status(api, wrong)
    assert await last_used() is None
    assert await status(api, made) == (200, 403)
    assert await last_used() == clock.now()
