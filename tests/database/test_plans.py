"""Every hot statement looks its rows up in an index, however many there are: read from Postgres' own plans."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.accounts.domain import Status
from app.admin.domain import AccountFilter
from app.audit.domain import EventFilter, EventType
from app.services import Services
from bench.seed import CLIENT_ID, CLIENT_SECRET, PASSWORD, SECRET, address_of, fill, fill_events, token_of
from tests.conftest import SetClock
from tests.support.people import bearer, log_in, totp_code
from tests.support.statements import executed, nodes, plan_of

pytestmark = pytest.mark.anyio

ACCOUNTS = 5_000
WITH_DEVICE, WITHOUT_DEVICE = 7, 8
# A handful of rows on one page, of which a plan may as well read all.
HANDFUL = {"clients", "authenticator_enrollments", "enrollment_tickets", "two_factor_clearings"}
BASIC = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


def reads_without_index(plan: dict[str, Any]) -> list[str]:
    """The tables that this plan reads from one end to the other."""
    found = []
    for node in nodes(plan):
        by_index = "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
        if "Scan" in node["Node Type"] and node.get("Relation Name", "clients") not in HANDFUL and not by_index:
            found.append(f"{node['Node Type']} on {node['Relation Name']}")
    return found


async def explain(dsn: str, statement: str, params: tuple[Any, ...]) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    try:
        # Some tables are small here, and an index is to be used wherever there is one.
        await connection.execute("SET enable_seqscan = off")
        return await plan_of(connection, statement, params)
    finally:
        await connection.close()


async def live_a_little(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    form = {"token": token_of(3)}
    checked = await api.post("/v1/introspect", data=form, headers={"Authorization": f"Basic {BASIC}"})
    assert checked.json()["active"] is True
    assert (await api.get("/v1/forward-auth", headers=bearer(token_of(4)))).is_success
    await services.tokens.uses.write()
    assert (await log_in(api, address_of(ACCOUNTS - WITHOUT_DEVICE))).json()["status"] == "authenticated"
    response = (await log_in(api, address_of(WITH_DEVICE), PASSWORD)).json()
    proof = {"challenge": response["challenge"], "code": totp_code(SECRET, clock.now())}
    assert (await api.post("/v1/login/two-factor", json=proof)).is_success


async def test_every_hot_statement_is_an_index_look_up(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await fill(database_url, ACCOUNTS, clock.now() - timedelta(minutes=1), with_two_factor=ACCOUNTS // 2)
    with executed(services) as sent:
        await live_a_little(api, services, clock)
    assert len(sent) >= 15, "some hot call was not seen"
    slow = {}
    for statement, params in sent:
        found = reads_without_index(await explain(database_url, statement, params))
        if found:
            slow[statement] = found
    assert not slow


LOOKED_FOR = {
    "accounts_disabled_idx": AccountFilter(status=Status.DISABLED),
    "accounts_required_idx": AccountFilter(overdue=True),
    "accounts_created_at_idx": AccountFilter(created_before=datetime(2020, 1, 1, tzinfo=UTC)),
    "accounts_folded_address_key": AccountFilter(email_prefix="person77@"),
    "accounts_external_id_key": AccountFilter(external_id="u-77"),
}


async def test_what_few_accounts_have_is_found_by_an_index(
    services: Services, clock: SetClock, database_url: str
) -> None:
    await fill(database_url, ACCOUNTS // 5, clock.now() - timedelta(minutes=1), with_two_factor=0)
    used = {}
    for index, wanted in LOOKED_FOR.items():
        with executed(services) as sent:
            await services.admin.page(wanted, after=None, limit=50)
        found = nodes(await explain(database_url, *sent[0]))
        used[index] = [node["Index Name"] for node in found if node.get("Relation Name") == "accounts"]
    assert used == {index: [index] for index in LOOKED_FOR}


async def test_pages_of_events_are_read_by_an_index_that_has_them(
    services: Services, clock: SetClock, database_url: str
) -> None:
    await fill_events(database_url, ACCOUNTS // 5, clock.now())
    wanted = EventFilter(since=clock.now() - timedelta(days=60), before=clock.now() - timedelta(days=20))
    after: UUID | None = None
    for _ in range(2):
        with executed(services) as sent:
            after = (await services.admin.events(wanted, after=after, limit=50)).next_after
        found = list(nodes(await explain(database_url, *sent[0])))
        assert "Sort" not in {node["Node Type"] for node in found}
        assert "events_occurred_at_id_idx" in {node.get("Index Name") for node in found}
    with executed(services) as sent:
        await services.admin.events(EventFilter(type=EventType.ACCOUNT_EPOCH_TURNED), after=None, limit=50)
    found = list(nodes(await explain(database_url, *sent[0])))
    assert "events_turns_epoch_idx" in {node.get("Index Name") for node in found}


async def test_a_slice_of_coverage_reads_a_range_of_each_table(
    services: Services, clock: SetClock, database_url: str
) -> None:
    await fill(database_url, ACCOUNTS // 5, clock.now(), with_two_factor=ACCOUNTS // 10)
    with executed(services) as sent:
        await replace(services.admin.coverage, at_once=100).latest()
    counting = [each for each in sent if "count(*)" in each[0]]
    assert len(counting) == ACCOUNTS // 500
    read = {
        node["Relation Name"]: "Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan"
        for node in nodes(await explain(database_url, *counting[0]))
        if "Relation Name" in node
    }
    assert read == {"accounts": True, "two_factor_accounts": True, "authenticators": True}


async def test_a_sweep_looks_at_tokens_of_some_accounts(services: Services, clock: SetClock, database_url: str) -> None:
    await fill(database_url, ACCOUNTS // 5, clock.now() - timedelta(minutes=1), with_two_factor=0)
    async with services.database.autocommit() as connection:
        rows = services.tokens.rows(connection)
        looked_at, deleted, last = await rows.delete_dead(UUID(int=0), clock.now(), slice=100)
        assert last is not None
        beyond = await rows.delete_dead(last, clock.now(), slice=10_000)
    assert (looked_at, deleted, beyond[:2]) == (100, 0, (900, 0))
