"""Passwords: how they are kept, what a wrong one costs, which new ones will not do."""

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from app.security.breached_passwords import BreachedPasswords
from app.security.hasher import LONGEST_PASSWORD, Hasher
from app.security.password_rules import PasswordRules
from app.services import Services
from tests.support.answers import granted, refused
from tests.support.listening import breaches
from tests.support.marks import given_settings
from tests.support.people import EMAIL, PASSWORD, an_account, an_operator, log_in

pytestmark = pytest.mark.anyio
QUICK = {"memory_kib": 1024, "time_cost": 1, "parallelism": 1, "threads": 1, "queue": 1}

LONG = hashlib.sha512(b"a long one").hexdigest() + hashlib.sha512(b"and longer").hexdigest()[:72]


def hashes() -> float:
    return REGISTRY.get_sample_value("twokeys_hash_wait_seconds_count") or 0


@given_settings(argon2_memory_kib=64, argon2_time_cost=3, argon2_parallelism=2)
async def test_a_password_is_kept_as_argon2id_at_the_configured_cost(
    api: httpx.AsyncClient, services: Services
) -> None:
    account = await an_account(services)
    assert account.password_hash is not None
    assert account.password_hash.startswith("$argon2id$v=19$m=64,t=3,p=2$")
    granted(await log_in(api))


async def test_every_refused_password_costs_one_hash(api: httpx.AsyncClient, services: Services) -> None:
    """Whether there is an account or not, disabled or without a password, and however long the password is."""
    await an_account(services)
    await an_account(services, "invited@example.com", None)
    disabled = await an_account(services, "disabled@example.com")
    await services.admin.disable(disabled.id, an_operator(services))
    for email in (EMAIL, "invited@example.com", "disabled@example.com", "nobody@example.com"):
        for password in ("a wrong one entirely", "x" * (LONGEST_PASSWORD + 1), "x" * 60_000):
            before = hashes()
            refused(await log_in(api, email, password), 401, "invalid_credentials")
            assert hashes() - before == 1, (email, len(password))


async def test_an_over_long_password_is_cut_before_it_is_hashed() -> None:
    """Over 4,096 characters the library refuses at once, and the saved time would tell."""
    hashed: list[int] = []

    class Watched(Hasher):
        def _verify(self, text: str, stored: str) -> bool:
            hashed.append(len(text))
            return super()._verify(text, stored)

    hasher = Watched(**QUICK)
    stored = await hasher.hash(SecretStr(PASSWORD))
    for params in (PASSWORD, "x" * LONGEST_PASSWORD, "x" * 60_000):
        for kept in (stored, None):
            assert await hasher.verify(SecretStr(params), kept) is (params == PASSWORD and kept is not None)
    hasher.close()
    assert hashed == [len(PASSWORD)] * 2 + [LONGEST_PASSWORD] * 4


async def test_a_password_counts_to_its_last_character(api: httpx.AsyncClient, services: Services) -> None:
    """Okta's bcrypt read the first 72 bytes and let in whoever knew those."""
    await an_account(services, password=LONG)
    refused(await log_in(api, password=LONG[:-1] + "!"), 401, "invalid_credentials")
    refused(await log_in(api, password=LONG[:-1]), 401, "invalid_credentials")
    granted(await log_in(api, password=LONG))


async def test_a_breached_password_will_not_do_where_that_is_asked() -> None:
    digest = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()
    result = {
        "known": (200, f"{'0' * 35}:3\r\n{digest[5:]}:17\r\n"),
        "padding": (200, f"{digest[5:]}:0\r\n"),
        "unknown": (200, f"{'0' * 35}:3\r\n"),
        "away": (503, ""),
    }
    for case, (status, body) in result.items():
        async with breaches(status, body) as (address, response):
            breached = BreachedPasswords(address)
            rules = PasswordRules(shortest=8, issuer="Twokeys", breached=breached, refuses_breached=True)
            weakness = await rules.weakness(SecretStr(PASSWORD), address=EMAIL)
            rules.close()
            assert (weakness is not None) == (case == "known"), case
            assert response == [digest[:5]], "five characters leave the service"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has threads of their own niceness")
def test_hashing_never_goes_before_the_service_that_asks_for_it() -> None:
    """Only root may: started with a niceness above ours, nobody could have logged in."""

    def niceness_below(service: int) -> int:
        os.setpriority(os.PRIO_PROCESS, 0, service)
        hasher = Hasher(**QUICK)
        try:
            return hasher._pool.submit(os.getpriority, os.PRIO_PROCESS, 0).result()
        finally:
            hasher.close()

    with ThreadPoolExecutor(1) as somebody:
        assert somebody.submit(niceness_below, 15).result() == 15
