"""What an unknown address costs while accounts still have hashes of other systems."""

import asyncio
from dataclasses import dataclass, field
from threading import Event

import bcrypt
import httpx
import pytest
from passlib import hash as passlib
from pydantic import SecretStr

from app.clients.domain import Role
from app.kernel.refusal import Overloaded
from app.security.foreign_hashes.formats import recognise
from app.security.foreign_hashes.sha_crypt import ShaCrypt
from app.security.hasher import Hasher
from app.services import Services
from tests.imports.lines import a_line, send
from tests.support.marks import PATIENCE
from tests.support.people import PASSWORD, a_client, an_account

pytestmark = pytest.mark.anyio

ADDRESSES = [f"nobody{number}@example.com" for number in range(200)]
SHA_CRYPT = ShaCrypt("sha256_crypt", 5000, "$5$salt$" + "a" * 43)


def _sha_crypt(rounds: int) -> str:
    made: str = passlib.sha256_crypt.using(rounds=rounds).hash(PASSWORD)  # type: ignore[no-untyped-call]
    return made


async def test_without_old_hashes_an_unknown_address_costs_ours(services: Services) -> None:
    await an_account(services)
    await services.passwords.foreign.measure()

    assert services.passwords.foreign.stand_in_for("nobody@example.com") is None


async def test_an_unknown_address_costs_what_the_accounts_cost(api: httpx.AsyncClient, services: Services) -> None:
    importer = await a_client(services, Role.IMPORT)
    rounds = {"hash": _sha_crypt(1234)}
    cheap = {"hash": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}
    await send(api, importer, a_line(1, password=rounds), a_line(2, password=cheap))

    await services.passwords.foreign.measure()

    stand_ins = [services.passwords.foreign.stand_in_for(address) for address in ADDRESSES]
    assert {(each.scheme, each.cost) for each in stand_ins if each} == {
        ("sha256_crypt", "rounds=1234"),
        ("bcrypt", "4"),
    }
    assert None not in stand_ins, "nobody has a hash of ours"


async def test_a_stand_in_never_proves_anything(api: httpx.AsyncClient, services: Services) -> None:
    importer = await a_client(services, Role.IMPORT)
    await send(api, importer, a_line(password={"hash": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}))
    await services.passwords.foreign.measure()

    answer = await api.post("/v1/login", json={"email": "nobody@example.com", "password": PASSWORD})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


@dataclass(frozen=True)
class SlowHash:
    """Takes until it is told to end, and as much of the queue as it says."""

    weight: float
    scheme: str = "slow"
    cost: str = "1"
    text: str = ""
    begun: Event = field(default_factory=Event)
    ended: Event = field(default_factory=Event)

    def verify(self, password: bytes) -> bool:
        self.begun.set()
        return self.ended.wait(PATIENCE)


async def test_a_slow_hash_takes_as_much_of_the_queue_as_it_costs() -> None:
    hasher = Hasher(memory_kib=8, time_cost=1, parallelism=1, threads=1, queue=3)
    slow = SlowHash(weight=3.5)
    try:
        with hasher.slot():
            verifying = asyncio.create_task(hasher.verify(SecretStr("x"), slow))
            await asyncio.to_thread(slow.begun.wait, 60)
            with pytest.raises(Overloaded):
                hasher.refuse_when_full()
            slow.ended.set()
            assert await verifying
            hasher.refuse_when_full()
    finally:
        slow.ended.set()
        hasher.close()


async def test_a_hash_that_gets_no_memory_is_overload_and_no_wrong_password() -> None:
    class Hungry(SlowHash):
        def verify(self, password: bytes) -> bool:
            raise MemoryError

    hasher = Hasher(memory_kib=8, time_cost=1, parallelism=1, threads=1, queue=1)
    try:
        with pytest.raises(Overloaded):
            await hasher.verify(SecretStr("x"), Hungry(weight=1))
    finally:
        hasher.close()


async def test_an_over_long_password_costs_the_old_hash_and_is_wrong() -> None:
    long = "x" * 300
    hasher = Hasher(memory_kib=8, time_cost=1, parallelism=1, threads=1, queue=1)
    try:
        foreign = recognise(bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode())
        assert not await hasher.verify(SecretStr(long), foreign)  # type: ignore[arg-type]
        assert await hasher.verify(SecretStr(long[:256]), foreign)  # type: ignore[arg-type]
    finally:
        hasher.close()
