"""Sealing everything anew with the first key, in batches, beside a service that goes on."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.database.engine import Database
from app.kernel.randomness import new_id
from app.key_rotation.domain import Resealing
from app.key_rotation.service import Rotation, count_unknown_seals
from app.mail.service import Outbox
from app.security.secret_box import SecretBox
from app.services import Services
from app.settings import read_key
from app.two_factor.repository import SealedSecrets
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import KEY, a_session, an_account, enroll, log_in, totp_code

pytestmark = pytest.mark.anyio

OLD, NEW = read_key(KEY), b"vutsrqponmlkjihgfedcba9876543210"
SECRET = b"JBSWY3DPEHPK3PXP"
_ACCOUNT = """
    INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)
    VALUES (:id, :address, :address, 'active', 0, now())
"""
_ENROLLMENT = """
    INSERT INTO authenticator_enrollments (account_id, id, epoch, sealed_secret, begun_at, expires_at)
    VALUES (:id, :id, 0, :sealed, now(), now() + interval '1 hour')
"""


async def enrollments(database: Database, count: int, sealing: SecretBox) -> list[UUID]:
    owners = [new_id() for _ in range(count)]
    async with database.transaction() as connection:
        await connection.execute(text(_ACCOUNT), [{"id": id, "address": f"{id}@example.com"} for id in owners])
        sealed = [{"id": id, "sealed": sealing.seal(SECRET, owner=id)} for id in owners]
        await connection.execute(text(_ENROLLMENT), sealed)
    return owners


async def sealed_secrets(database: Database) -> dict[UUID, bytes]:
    async with database.autocommit() as connection:
        return {owner: sealed for _, owner, sealed in await SealedSecrets(connection).after(None, limit=1000)}


async def reports(steps: AsyncIterator[Resealing]) -> list[Resealing]:
    return [progress async for progress in steps]


async def test_every_secret_is_sealed_anew_and_reported_in_batches(services: Services) -> None:
    await enrollments(services.database, 250, SecretBox((OLD,)))
    rotation = Rotation(services.database, SecretBox((NEW, OLD)))
    assert await reports(rotation.reseal(services.two_factor)) == [
        Resealing(total=250, seen=100, resealed=100),
        Resealing(total=250, seen=200, resealed=200),
        Resealing(total=250, seen=250, resealed=250),
    ]
    only_new = SecretBox((NEW,))
    for owner, sealed in (await sealed_secrets(services.database)).items():
        assert only_new.open(sealed, owner=owner) == SECRET


async def test_another_start_passes_over_what_is_done(services: Services) -> None:
    await enrollments(services.database, 3, SecretBox((OLD,)))
    rotation = Rotation(services.database, SecretBox((NEW, OLD)))
    await reports(rotation.reseal(services.two_factor))
    before = await sealed_secrets(services.database)
    assert await reports(rotation.reseal(services.two_factor)) == [Resealing(total=3, seen=3)]
    assert await sealed_secrets(services.database) == before


async def test_what_no_key_opens_is_counted_and_left_alone(services: Services) -> None:
    await enrollments(services.database, 2, SecretBox((OLD,)))
    before = await sealed_secrets(services.database)
    rotation = Rotation(services.database, SecretBox((NEW,)))
    assert await reports(rotation.reseal(services.two_factor)) == [Resealing(total=2, seen=2, unreadable=2)]
    assert await sealed_secrets(services.database) == before


async def test_a_secret_that_changed_meanwhile_is_not_overwritten(services: Services) -> None:
    old = SecretBox((OLD,))
    (owner,) = await enrollments(services.database, 1, old)
    before = await sealed_secrets(services.database)
    async with services.database.autocommit() as connection:
        stale, fresh = old.seal(b"read before", owner=owner), SecretBox((NEW, OLD)).seal(b"read before", owner=owner)
        assert not await SealedSecrets(connection).reseal(owner, stale, fresh)
    assert await sealed_secrets(services.database) == before


async def test_mails_that_wait_are_sealed_anew_as_well(services: Services) -> None:
    await an_account(services, password=None)
    secret_box = SecretBox((NEW, OLD))
    rotation = Rotation(services.database, secret_box)
    assert await reports(rotation.reseal(Outbox(secret_box))) == [Resealing(total=1, seen=1, resealed=1)]
    async with services.database.autocommit() as connection:
        assert await count_unknown_seals(connection, SecretBox((NEW,))) == 0


async def test_secrets_of_keys_that_are_gone_are_counted_before_the_start(services: Services) -> None:
    await an_account(services, password=None)
    await enrollments(services.database, 3, SecretBox((OLD,)))
    async with services.database.autocommit() as connection:
        counted = [await count_unknown_seals(connection, SecretBox(keys)) for keys in ((NEW,), (NEW, OLD))]
    assert counted == [4, 0]


async def test_a_device_whose_key_is_not_ours_lets_nobody_in_until_it_is_back(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    code = totp_code(device.secret, clock.now(), steps=1)
    await reports(Rotation(services.database, SecretBox((NEW, OLD))).reseal(services.two_factor))
    gone = refused(await log_in(api, code=code), 503, "unavailable")
    assert gone["detail"]
    await reports(Rotation(services.database, SecretBox((OLD, NEW))).reseal(services.two_factor))
    granted(await log_in(api, code=code))
