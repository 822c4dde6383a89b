"""Who is in the database: made by a handful of INSERT … SELECT, so that millions take a minute."""

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from passlib.hash import argon2

from app.database.migrations import migrate
from app.security.secret_box import SecretBox
from tests.support.people import KEY, PASSWORD

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "KEY", "PASSWORD", "SECRET", "address_of", "fill", "seed", "token_of"]

MEMORY_KIB, TIME_COST = 19456, 2
TOKENS_EACH = 5
EVENTS_EACH = 10
WITH_TWO_FACTOR = 9_000
"""The first so many accounts have a device, the others don't."""
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CLIENT_ID = UUID(int=1)
CLIENT_SECRET = "tki_" + 43 * "c"


def address_of(number: int) -> str:
    return f"person{number}@example.com"


def token_of(number: int) -> str:
    return f"tks_{number:043d}"


def account_id(number: int) -> UUID:
    return UUID(int=(7 << 76) | number)


_ACCOUNTS = """
    INSERT INTO accounts (id, address, folded_address, password_hash, status, credential_epoch, created_at)
    SELECT ('00000000-0000-7000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, 'person' || n || '@example.com',
        'person' || n || '@example.com', $2, 'active', 0, $3
    FROM generate_series(0, $1::int - 1) AS n
"""
_TOKENS = """
    INSERT INTO tokens (id, account_id, epoch, kind, digest, amr, authenticated_at, created_at, expires_at,
        extend_when_used, user_agent)
    SELECT ('00000000-0000-7000-0001-' || lpad(to_hex(n), 12, '0'))::uuid,
        ('00000000-0000-7000-0000-' || lpad(to_hex(n % $1::int), 12, '0'))::uuid, 0, 'session',
        sha256(('tks_' || lpad(n::text, 43, '0'))::bytea), '{pwd,otp,mfa}', $3, $3,
        $3::timestamptz + interval '1 day', false,
        'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
    FROM generate_series(0, $1::int * $2::int - 1) AS n
"""


_EVENTS = """
    INSERT INTO events (id, account_id, type, occurred_at, ip, user_agent, details)
    SELECT ('00000000-0000-7000-0002-' || lpad(to_hex(n), 12, '0'))::uuid,
        ('00000000-0000-7000-0000-' || lpad(to_hex(n % $1::int), 12, '0'))::uuid,
        (ARRAY['login.succeeded', 'login.failed', 'token.created', 'token.revoked'])[1 + n % 4],
        $3::timestamptz - interval '80 days' + interval '79 days' * (n::float / ($1::int * $2::int)), '198.51.100.7',
        'curl/8.14.1', (CASE WHEN n % 2 = 0 THEN '{"amr": ["pwd", "otp", "mfa"]}' ELSE '{}' END)::jsonb
    FROM generate_series(0, $1::int * $2::int - 1) AS n
"""


async def fill_events(dsn: str, accounts: int, at: datetime, *, each: int = EVENTS_EACH) -> None:
    """Of the last 80 days, evenly over all accounts."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_EVENTS, accounts, each, at, timeout=None)
        await connection.execute("VACUUM (ANALYZE) events", timeout=None)
    finally:
        await connection.close()


async def seed(dsn: str, accounts: int) -> None:
    """Migrates an empty database and fills it. Token lifetimes count from now."""
    await migrate(dsn)
    await fill(dsn, accounts, datetime.now(UTC))


async def fill(dsn: str, accounts: int, at: datetime, *, with_two_factor: int = WITH_TWO_FACTOR) -> None:
    """Lifetimes of tokens count from `at`."""
    scheme = argon2.using(type="ID", memory_cost=MEMORY_KIB, time_cost=TIME_COST, parallelism=1)  # type: ignore[no-untyped-call]
    secret_box = SecretBox((base64.urlsafe_b64decode(KEY),))
    enrolled = [account_id(number) for number in range(min(with_two_factor, accounts))]
    sealed = [secret_box.seal(SECRET.encode(), owner=id) for id in enrolled]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_ACCOUNTS, accounts, scheme.hash(PASSWORD), at)
        await connection.execute(_TOKENS, accounts, TOKENS_EACH, at)
        await connection.execute(
            "WITH device AS (SELECT id, sealed FROM unnest($1::uuid[], $2::bytea[]) AS given (id, sealed)),"
            " on_since AS (INSERT INTO two_factor_accounts (account_id, enabled_at)"
            " SELECT id, $3::timestamptz FROM device)"
            " INSERT INTO authenticators (id, account_id, kind, name, created_at, sealed_secret, last_step)"
            " SELECT id, id, 'totp', 'Authenticator app', $3, sealed, 0 FROM device",
            enrolled,
            sealed,
            at,
        )
        digest = hashlib.sha256(CLIENT_SECRET.encode()).digest()
        await connection.execute(
            "INSERT INTO clients (id, name, digest, roles, created_at) VALUES ($1, 'bench', $2, '{introspect}', $3)",
            CLIENT_ID,
            digest,
            at,
        )
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def bytes_a_row(dsn: str) -> dict[str, float]:
    """What one row of a table takes, its indexes included."""
    connection = await asyncpg.connect(dsn)
    try:
        return {
            table: await connection.fetchval(
                f"SELECT pg_total_relation_size('{table}')::float / greatest(count(*), 1) FROM {table}"  # noqa: S608
            )
            for table in ("accounts", "tokens", "authenticators", "events")
        }
    finally:
        await connection.close()


def seed_now(dsn: str, accounts: int) -> None:
    asyncio.run(seed(dsn, accounts))
