"""Who asks, where many ask at once: their checks share a statement, and each is told of itself alone."""

import asyncio
from collections.abc import Mapping

import asyncpg
import httpx
import pytest

from app.services import Services
from tests.support.answers import granted, refused
from tests.support.people import a_session, an_account, bearer
from tests.support.postgres import end_connections, holding

pytestmark = pytest.mark.anyio

UNKNOWN = "tks_" + "x" * 43
CALLS = ("/v1/me", "/v1/forward-auth", "/v1/me/tokens", "/v1/me/2fa")
CHECKS_WAIT = "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
async def people(api: httpx.AsyncClient, services: Services) -> Mapping[str, str]:
    """Four addresses, each with its session."""
    found = {}
    for number in range(4):
        email = f"person{number}@example.com"
        await an_account(services, email)
        found[email] = await a_session(api, email)
    return found


async def ask(api: httpx.AsyncClient, token: str, path: str = "/v1/me") -> httpx.Response:
    return await api.get(path, headers=bearer(token))


async def test_each_of_many_callers_is_told_of_itself(api: httpx.AsyncClient, people: Mapping[str, str]) -> None:
    by_session = {session: email for email, session in people.items()}
    ids = {session: granted(await ask(api, session, "/v1/me/tokens"))["current"]["id"] for session in people.values()}
    asked = [(token, path) for token in (UNKNOWN, *people.values(), "nonsense") for path in CALLS] * 3

    answers = await asyncio.gather(*(ask(api, *each) for each in asked))

    for (token, path), answer in zip(asked, answers, strict=True):
        if token not in by_session:
            refused(answer, 401, "invalid_token")
        elif path == "/v1/me":
            assert granted(answer)["email"] == by_session[token]
        elif path == "/v1/forward-auth":
            assert answer.headers["x-auth-email"] == by_session[token]
        elif path == "/v1/me/tokens":
            found = granted(answer)
            assert [found["current"]["id"], *(item["id"] for item in found["items"])] == [ids[token]] * 2
        else:
            granted(answer)


async def test_a_token_that_dies_while_checks_wait_is_dead_to_its_own_check(
    api: httpx.AsyncClient, people: Mapping[str, str], database_url: str
) -> None:
    """The statement begins after the question: what was committed before it is seen by it."""
    (_, revoked), *others = people.items()
    async with holding(database_url, CHECKS_WAIT) as writer:
        first = asyncio.create_task(ask(api, UNKNOWN))
        await writer.until_waiting(first)
        await end_one(database_url, revoked)
        asked = asyncio.gather(*(ask(api, token) for token in people.values()))
    dead, *alive = await asked
    refused(dead, 401, "invalid_token")
    assert [granted(each)["email"] for each in alive] == [email for email, _ in others]
    await first


async def test_callers_who_go_away_leave_the_others_their_answers(
    api: httpx.AsyncClient, people: Mapping[str, str], database_url: str
) -> None:
    async with holding(database_url, CHECKS_WAIT) as writer:
        asked = [asyncio.create_task(ask(api, token)) for token in [*people.values()] * 2]
        await writer.until_waiting(asked[0])
        for leaving in asked[::2]:
            leaving.cancel()
    stayed = await asyncio.gather(*asked[1::2])
    assert [granted(each)["email"] for each in stayed] == [*people][1::2] * 2
    assert [leaving.cancelled() for leaving in asked[::2]] == [True] * len(people)


async def test_a_row_that_cannot_be_read_fails_its_own_caller_alone(
    api: httpx.AsyncClient, people: Mapping[str, str], database_url: str
) -> None:
    """A release of tomorrow may write words that this one doesn't know."""
    (broken, _), *others = people.items()
    await execute(database_url, "ALTER TABLE accounts DROP CONSTRAINT accounts_two_factor_policy_check")
    await execute(database_url, "UPDATE accounts SET two_factor_policy = 'tomorrow' WHERE address = $1", broken)
    failed, *told = await asyncio.gather(*(ask(api, token) for token in people.values()))
    refused(failed, 500, "internal_error")
    assert [granted(each)["email"] for each in told] == [email for email, _ in others]


async def test_a_fault_of_the_database_is_told_to_each_caller(
    api: httpx.AsyncClient, people: Mapping[str, str], database_url: str
) -> None:
    async with holding(database_url, CHECKS_WAIT) as writer:
        asked = [asyncio.create_task(ask(api, token)) for token in people.values()]
        await writer.until_waiting(asked[0])
        await end_connections(database_url)
        for answer in await asyncio.gather(*asked):
            refused(answer, 503, "unavailable")
    answers = await asyncio.gather(*(ask(api, token) for token in people.values()))
    assert [granted(each)["email"] for each in answers] == [*people]


async def end_one(database_url: str, token: str) -> None:
    await execute(database_url, "DELETE FROM tokens WHERE digest = sha256($1::text::bytea)", token)


async def execute(database_url: str, statement: str, *params: object) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement, *params)
    finally:
        await connection.close()
