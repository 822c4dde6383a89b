"""While replicas of release 0.1 run, each side sees what the other wrote (migration 0004, ADR 14).

The statements on `two_factor_enrollments` are those of release 0.1, in its order. `tests/faults/` runs that release.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest

from app.database.migrations import migrate
from tests.support.postgres import Server

pytestmark = pytest.mark.anyio

ADA, EVE = (uuid5(UUID(int=0), name) for name in ("ada", "eve"))
FIRST, SECOND = (uuid5(UUID(int=0), name) for name in ("first device", "second device"))
AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
SOON = AT + timedelta(minutes=10)
_ACCOUNT = """
    INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)
    VALUES ($1, $2, $2, 'active', 0, $3)
"""
_BEGIN = """
    INSERT INTO two_factor_enrollments (account_id, id, status, sealed_secret, expires_at)
    VALUES ($1, $2, 'pending', $3, $4)
    ON CONFLICT (account_id) DO UPDATE SET id = $2, status = 'pending', sealed_secret = $3, expires_at = $4
    WHERE two_factor_enrollments.status = 'pending'
"""
_CONFIRM = """
    UPDATE two_factor_enrollments SET
        status = 'enabled', confirmed_at = $2, expires_at = NULL, last_step = $3, last_used_at = $2
    WHERE account_id = $1 AND status = 'pending'
"""
_SPEND = """
    UPDATE two_factor_enrollments SET last_step = $2, last_used_at = $3
    WHERE account_id = $1 AND status = 'enabled' AND last_step < $2 RETURNING id
"""
_ADD = """
    INSERT INTO authenticators (id, account_id, kind, name, created_at, sealed_secret, last_step)
    VALUES ($1, $2, 'totp', 'Phone', $3, $4, $5)
"""
_ADD_KEY = """
    INSERT INTO authenticators
        (id, account_id, kind, name, created_at, credential_id, public_key, sign_count, passkey, backed_up, transports,
         rp_id)
    VALUES ($1, $2, 'webauthn', 'Key', $3, 'credential', 'key', 0, false, false, '{usb}', 'example.com')
"""
_TURN_ON = "INSERT INTO two_factor_accounts (account_id, enabled_at, last_used_at) VALUES ($1, $2, $2)"


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    found = await asyncpg.connect(database_url)
    for id, address in ((ADA, "ada@example.com"), (EVE, "eve@example.com")):
        await found.execute(_ACCOUNT, id, address, AT)
    yield found
    await found.close()


async def rows(connection: asyncpg.Connection, query: str, *params: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query, *params)]


async def old(connection: asyncpg.Connection, account: UUID = ADA) -> list[tuple[Any, ...]]:
    columns = "id, status, sealed_secret, confirmed_at, last_step, last_used_at, expires_at"
    return await rows(connection, f"SELECT {columns} FROM two_factor_enrollments WHERE account_id = $1", account)  # noqa: S608


async def devices(connection: asyncpg.Connection, account: UUID = ADA) -> list[tuple[Any, ...]]:
    columns = "id, kind, name, sealed_secret, last_step"
    return await rows(connection, f"SELECT {columns} FROM authenticators WHERE account_id = $1 ORDER BY id", account)  # noqa: S608


async def on_since(connection: asyncpg.Connection) -> datetime | None:
    found: datetime | None = await connection.fetchval(
        "SELECT enabled_at FROM two_factor_accounts WHERE account_id = $1", ADA
    )
    return found


async def enabled_before(connection: asyncpg.Connection) -> None:
    await connection.execute(_BEGIN, ADA, FIRST, b"sealed", SOON)
    await connection.execute(_CONFIRM, ADA, AT, 7)
    await connection.execute("INSERT INTO recovery_codes VALUES ($1, $2)", ADA, bytes(32))


# What release 0.1 writes


async def test_an_enrollment_of_before_can_be_confirmed_here(connection: asyncpg.Connection) -> None:
    await connection.execute(_BEGIN, ADA, FIRST, b"old", SOON)
    await connection.execute(_BEGIN, ADA, SECOND, b"sealed", SOON)
    query = "SELECT id, epoch, sealed_secret, expires_at, additional, replaces FROM authenticator_enrollments"
    assert await rows(connection, query) == [(SECOND, 0, b"sealed", SOON, False, None)]
    assert await on_since(connection) is None


async def test_a_device_of_before_is_an_authenticator(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    assert await devices(connection) == [(FIRST, "totp", "Authenticator app", b"sealed", 7)]
    assert await on_since(connection) == AT
    assert await rows(connection, "SELECT FROM authenticator_enrollments") == []


async def test_a_step_that_was_spent_before_is_spent_here(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    assert await rows(connection, _SPEND, ADA, 9, SOON) == [(FIRST,)]
    assert (await devices(connection))[0][4] == 9
    assert await connection.fetchval("SELECT last_used_at FROM two_factor_accounts") == SOON


async def test_turning_it_off_before_leaves_nothing_here(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    await connection.execute(_ADD_KEY, SECOND, ADA, AT)
    await connection.execute("DELETE FROM two_factor_enrollments WHERE account_id = $1", ADA)
    assert await devices(connection) == []
    assert await on_since(connection) is None
    assert await rows(connection, "SELECT FROM recovery_codes") == []


async def test_dropping_an_enrollment_before_drops_it_here(connection: asyncpg.Connection) -> None:
    await connection.execute(_BEGIN, ADA, FIRST, b"sealed", SOON)
    await connection.execute("DELETE FROM two_factor_enrollments WHERE status = 'pending'")
    assert await rows(connection, "SELECT FROM authenticator_enrollments") == []


async def test_a_deleted_account_leaves_nothing_on_either_side(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    await connection.execute("DELETE FROM accounts WHERE id = $1", ADA)
    for table in ("two_factor_enrollments", "authenticators", "two_factor_accounts", "recovery_codes"):
        assert await rows(connection, f"SELECT FROM {table}") == []


# What this release writes


async def test_a_device_of_here_is_the_one_before(connection: asyncpg.Connection) -> None:
    await connection.execute(_ADD, FIRST, ADA, AT, b"sealed", 7)
    await connection.execute(_TURN_ON, ADA, AT)
    assert await old(connection) == [(FIRST, "enabled", b"sealed", AT, 7, AT, None)]


async def test_a_step_that_was_spent_here_is_spent_before(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    await connection.execute("UPDATE authenticators SET last_step = 9")
    assert await rows(connection, _SPEND, ADA, 9, SOON) == []
    assert await rows(connection, _SPEND, ADA, 10, SOON) == [(FIRST,)]


async def test_the_oldest_of_several_devices_is_the_one_before(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    await connection.execute(_ADD, SECOND, ADA, AT, b"another", 3)
    oldest = min((FIRST, b"sealed"), (SECOND, b"another"))
    assert [row[:3] for row in await old(connection)] == [(oldest[0], "enabled", oldest[1])]


async def test_a_replaced_device_is_replaced_before(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    async with connection.transaction():
        await connection.execute(_ADD, SECOND, ADA, AT, b"another", 3)
        await connection.execute("DELETE FROM authenticators WHERE id = $1", FIRST)
    assert [row[:5] for row in await old(connection)] == [(SECOND, "enabled", b"another", AT, 3)]


async def test_a_key_alone_looks_enabled_before_and_takes_no_code(connection: asyncpg.Connection) -> None:
    """A password alone must never do there; its recovery codes work."""
    await connection.execute(_ADD_KEY, FIRST, ADA, AT)
    await connection.execute(_TURN_ON, ADA, AT)
    [(id, status, sealed, *_)] = await old(connection)
    assert (id, status, len(sealed)) == (FIRST, "enabled", 4)


async def test_the_seal_of_a_key_alone_names_a_key_in_use(connection: asyncpg.Connection) -> None:
    """`serve` of release 0.1 refuses to start where a seal names a key that it does not have."""
    await connection.execute(_ADD, SECOND, EVE, AT, b"name and the rest", 3)
    await connection.execute(_ADD_KEY, FIRST, ADA, AT)
    await connection.execute(_TURN_ON, ADA, AT)
    assert (await old(connection))[0][2] == b"name"


async def test_turning_it_off_here_turns_it_off_before(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    await connection.execute("DELETE FROM authenticators WHERE account_id = $1", ADA)
    await connection.execute("UPDATE two_factor_accounts SET enabled_at = NULL WHERE account_id = $1", ADA)
    assert await old(connection) == []


async def test_a_new_seal_reaches_the_other_side(connection: asyncpg.Connection) -> None:
    await enabled_before(connection)
    await connection.execute("UPDATE authenticators SET sealed_secret = 'by this one'")
    assert (await old(connection))[0][2] == b"by this one"
    await connection.execute("UPDATE two_factor_enrollments SET sealed_secret = 'by the other'")
    assert (await devices(connection))[0][3] == b"by the other"


async def test_an_enrollment_of_here_can_be_confirmed_before(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO authenticator_enrollments (account_id, id, epoch, sealed_secret, begun_at, expires_at)"
        " VALUES ($1, $2, 0, 'sealed', $3, $4)",
        ADA,
        FIRST,
        AT,
        SOON,
    )
    assert [row[:3] for row in await old(connection)] == [(FIRST, "pending", b"sealed")]
    await connection.execute(_CONFIRM, ADA, AT, 7)
    assert await devices(connection) == [(FIRST, "totp", "Authenticator app", b"sealed", 7)]


# The migration itself


@pytest.fixture
def before(postgres: Server) -> Iterator[str]:
    """A database as release 0.1 left it, with a device on, one pending, and more accounts than a batch copies."""
    yield asyncio.run(postgres.create("test_release_before"))
    asyncio.run(postgres.drop("test_release_before"))


async def test_every_device_of_before_is_copied_with_its_codes(before: str) -> None:
    await migrate(before, "0001")
    connection = await asyncpg.connect(before)
    others = [uuid5(UUID(int=1), str(number)) for number in range(1_200)]
    for id in (ADA, EVE, *others):
        await connection.execute(_ACCOUNT, id, f"{id}@example.com", AT)
    await enabled_before(connection)
    await connection.execute(_BEGIN, EVE, SECOND, b"pending", SOON)
    await connection.executemany(_BEGIN, [(id, id, b"sealed", SOON) for id in others])
    await connection.executemany(_CONFIRM, [(id, AT, 3) for id in others])
    untouched = await rows(connection, "SELECT * FROM two_factor_enrollments ORDER BY account_id")

    await migrate(before)

    assert await devices(connection) == [(FIRST, "totp", "Authenticator app", b"sealed", 7)]
    assert await rows(connection, "SELECT account_id FROM recovery_codes") == [(ADA,)]
    assert await rows(connection, "SELECT account_id, id FROM authenticator_enrollments") == [(EVE, SECOND)]
    assert await connection.fetchval("SELECT count(*) FROM authenticators") == 1_201
    assert await connection.fetchval("SELECT count(*) FROM two_factor_accounts WHERE enabled_at = $1", AT) == 1_201
    assert await rows(connection, "SELECT * FROM two_factor_enrollments ORDER BY account_id") == untouched
    await connection.close()
