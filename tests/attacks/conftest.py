"""Two processes for all attacks of a run: each attack brings accounts and client addresses of its own."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.settings import PasswordResetPolicy, Settings
from tests.support.people import quick_settings
from tests.support.postgres import Server
from tests.support.processes import Processes
from tests.support.processes import processes as start_processes

LONG = bool(os.environ.get("TWOKEYS_TEST_LONG"))


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often each race is run."""
    return 100 if LONG else 2


def _settings(database_url: str, policy: PasswordResetPolicy) -> Settings:
    return quick_settings(
        database_url,
        run_worker=False,
        password_reset_policy=policy,
    )


@pytest.fixture(scope="session")
async def processes(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    name = "attacks"
    url = await postgres.clone(name)
    folder = tmp_path_factory.mktemp("processes")
    async with start_processes(url, folder, _settings(url, PasswordResetPolicy.CLEARS_TWO_FACTOR)) as started:
        yield started
    await postgres.drop(name)


@pytest.fixture(scope="session")
async def strict_processes(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    """The same with the careful choices: a reset and a disable need a code."""
    name = "attacks_strict"
    url = await postgres.clone(name)
    folder: Path = await asyncio.to_thread(tmp_path_factory.mktemp, "strict")
    settings = _settings(url, PasswordResetPolicy.REQUIRES_SECOND_FACTOR)
    strict = {"TWOKEYS_PASSWORD_RESET_POLICY": "requires_second_factor", "TWOKEYS_DISABLE_REQUIRES_CODE": "true"}
    async with start_processes(url, folder, settings, **strict) as started:
        yield started
    await postgres.drop(name)


@pytest.fixture(scope="session")
async def later_processes(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Processes]:
    """The same where a reset waits for three days before it clears the second factor."""
    name = "attacks_later"
    url = await postgres.clone(name)
    folder: Path = await asyncio.to_thread(tmp_path_factory.mktemp, "later")
    later = {"TWOKEYS_PASSWORD_RESET_POLICY": "clears_two_factor_later"}
    settings = _settings(url, PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER)
    async with start_processes(url, folder, settings, **later) as started:
        yield started
    await postgres.drop(name)
