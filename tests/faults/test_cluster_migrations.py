"""The schema moves on while the version before serves: nobody notices, and nobody waits behind a migration."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from alembic import command
from alembic.config import Config

from app.database.migrations import newest_revision
from app.kernel.clock import SystemClock
from app.services import Services, build_services
from app.settings import Settings
from tests.faults.ledger import at_work, check
from tests.support.marks import PATIENCE, only_long
from tests.support.service import free_port, over, running, twokeys, wait_until_ready

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
ROUNDS = 10 if os.environ.get("TWOKEYS_TEST_FAULTS") else 1
TRUSTED = {"TWOKEYS_TRUSTED_PROXIES": "127.0.0.0/8"}
_MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
# A release after ours that keeps the rules of docs/how-to/upgrade.md: it adds, and one table a revision.
_REVISIONS = {
    "next_1": """
    op.add_column("accounts", sa.Column("nickname", sa.Text(), nullable=True))
""",
    "next_2": """
    op.add_column("tokens", sa.Column("region", sa.Text(), server_default="here", nullable=False))
""",
    "next_3": """
    op.create_table("devices", sa.Column("id", sa.Uuid(), primary_key=True))
""",
    "next_4": """
    with op.get_context().autocommit_block():
        op.drop_index("tokens_region_idx", "tokens", if_exists=True, postgresql_concurrently=True)
        op.create_index("tokens_region_idx", "tokens", ["region"], postgresql_concurrently=True)
""",
}
_BACK = {
    "next_1": 'op.drop_column("accounts", "nickname")',
    "next_2": 'op.drop_column("tokens", "region")',
    "next_3": 'op.drop_table("devices")',
    "next_4": 'op.drop_index("tokens_region_idx")',
}


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    services = build_services(settings, SystemClock())
    yield services
    await services.close()


def next_release(folder: Path, database_url: str) -> Config:
    """Our migrations and three more, as a later release would bring them."""
    location = folder / "migrations"
    shutil.copytree(_MIGRATIONS, location, ignore=shutil.ignore_patterns("__pycache__"))
    before = newest_revision()
    for name, does in _REVISIONS.items():
        (location / "versions" / f"{name}.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision = {name!r}\ndown_revision = {before!r}\nbranch_labels = None\ndepends_on = None\n\n\n"
            f"def upgrade() -> None:{does}\n\ndef downgrade() -> None:\n    {_BACK[name]}\n"
        )
        before = name
    config = Config()
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    config.attributes["dsn"] = database_url
    return config


async def test_the_version_before_serves_through_the_migrations_of_the_next(
    database_url: str, services: Services, tmp_path: Path
) -> None:
    port, env, release = free_port(), over(database_url, **TRUSTED), next_release(tmp_path, database_url)
    address = f"http://127.0.0.1:{port}"
    ready: list[int] = []

    async def watch(api: httpx.AsyncClient) -> None:
        while True:
            ready.append((await api.get("/readyz")).status_code)
            await asyncio.sleep(0.01)

    with running("serve", "--port", str(port), env=env, cwd=tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, address, process, tmp_path)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:
            watching = asyncio.create_task(watch(api))
            async with at_work(api, services) as (ledger, _):
                for _ in range(ROUNDS):
                    await asyncio.sleep(0.2)
                    await asyncio.to_thread(command.upgrade, release, "head")
                    await asyncio.sleep(0.2)
                    await asyncio.to_thread(command.downgrade, release, newest_revision())
                await asyncio.to_thread(command.upgrade, release, "head")
            watching.cancel()
            print(f"{len(_REVISIONS) * (2 * ROUNDS + 1)} revisions up and down; {len(ready)} times asked whether ready")
            assert set(ready) == {200}
            assert ledger.statuses[503] == 0
            assert ledger.used
            await check(api, ledger, database_url)
    # It also starts there, as after a crash in the middle of an upgrade; only migrating is the newer release's.
    with running("serve", "--port", str(port), env=env, cwd=tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, address, process, tmp_path)
    refused = twokeys("migrate", env=env, cwd=tmp_path)
    assert (refused.returncode, "newer release's" in refused.stderr) == (1, True), refused.stderr


@only_long
async def test_a_migration_that_has_to_wait_lets_everybody_else_through(
    database_url: str, services: Services, tmp_path: Path
) -> None:
    """A report that reads for long stands in its way. Whoever waits for a table in Postgres holds up all after it."""
    port, env, release = free_port(), over(database_url, **TRUSTED), next_release(tmp_path, database_url)
    address = f"http://127.0.0.1:{port}"
    with running("serve", "--port", str(port), env=env, cwd=tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, address, process, tmp_path)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:
            report = await asyncpg.connect(database_url)
            async with at_work(api, services) as (ledger, _):
                async with report.transaction():
                    await report.execute("SELECT count(*) FROM accounts")
                    migrating = asyncio.create_task(asyncio.to_thread(command.upgrade, release, "head"))
                    await asyncio.sleep(4)
                    assert not migrating.done()
                    answered = len(ledger.answered_at)
                await report.close()
                await migrating
            assert answered > 0
            assert ledger.statuses[503] == 0
            await check(api, ledger, database_url)


async def test_a_schema_that_is_behind_is_not_ready(api: httpx.AsyncClient, database_url: str) -> None:
    assert (await api.get("/readyz")).status_code == 200
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("DELETE FROM twokeys_schema_version")
        behind = await api.get("/readyz")
        assert (behind.status_code, behind.json()["code"]) == (503, "unavailable")
        assert "twokeys migrate" in behind.json()["detail"]
        await connection.execute("INSERT INTO twokeys_schema_version VALUES ('of a newer release')")
        assert (await api.get("/readyz")).status_code == 200
    finally:
        await connection.close()
