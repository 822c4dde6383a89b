"""Loading millions of rows at once: indexes are made after the rows, and foreign keys are not looked up for each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

_TABLES = ("accounts", "tokens", "events")
_SECONDARY = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
    FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'u'
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


@asynccontextmanager
async def bulk_load(dsn: str) -> AsyncIterator[None]:
    """The large tables have their primary keys alone meanwhile, and at the end all that the migrations gave them."""
    connection = await asyncpg.connect(dsn)
    try:
        secondary = [row for table in _TABLES for row in await connection.fetch(_SECONDARY, table)]
        for table in _TABLES:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for row in secondary:
            await connection.execute(row["drop"])
        yield
        await connection.execute("SET maintenance_work_mem = '1GB'")
        for row in secondary:
            await connection.execute(row["make"], timeout=None)
        for table in _TABLES:
            await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=None)
    finally:
        await connection.close()
