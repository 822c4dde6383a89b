"""Whoever is overtaken is answered as it would have been a moment later, and nothing of its act stays.

401, 409 or 410, never a 500. Where the epoch alone would do, the row's own state is a second defence;
those tests change the row by hand, since no act of ours does it under the same epoch.
"""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from app.audit.domain import EventFilter
from app.kernel.refusal import InvalidToken
from app.services import Services
from app.tokens.domain import Caller, PersonalTokenRequest
from app.two_factor.refusals import WrongCode
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import (
    NEW_PASSWORD,
    PASSWORD,
    a_request,
    a_session,
    an_account,
    an_operator,
    bearer,
    begin,
    enrolled_account,
    log_in,
    totp_code,
)
from tests.support.postgres import overtaken

pytestmark = pytest.mark.anyio

BUMPED = "UPDATE accounts SET credential_epoch = credential_epoch + 1"
NO_ENROLLMENT = "DELETE FROM authenticator_enrollments"
NO_DEVICE = """
    WITH devices AS (DELETE FROM authenticators), codes AS (DELETE FROM recovery_codes)
    UPDATE two_factor_accounts SET enabled_at = NULL
"""


async def an_overtaken_caller(api: httpx.AsyncClient, services: Services) -> Caller:
    """Let in by the guard, and everything that the account had ended before its act began."""
    account = await an_account(services)
    caller = await services.tokens.check(await a_session(api), a_request(services))
    await services.access.revoke_tokens(account.id, "Somebody was faster.", an_operator(services))
    return caller


async def recorded(services: Services) -> list[str]:
    found = await services.admin.events(EventFilter(), after=None, limit=200)
    return [event.type.value for event in reversed(found.items)]


async def count(services: Services, what: str) -> int:
    async with services.database.autocommit() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one())  # noqa: S608 - ours


# With a token that died meanwhile


async def test_a_dead_session_makes_no_personal_token(api: httpx.AsyncClient, services: Services) -> None:
    caller = await an_overtaken_caller(api, services)
    with pytest.raises(InvalidToken):
        await services.personal_tokens.create(caller, PersonalTokenRequest("Backup"), a_request(services))
    assert await count(services, "tokens WHERE kind = 'personal'") == 0
    assert (await recorded(services))[-1] == "tokens.revoked"


async def test_a_dead_session_ends_nobody_else(api: httpx.AsyncClient, services: Services) -> None:
    caller = await an_overtaken_caller(api, services)
    fresh = await a_session(api)
    for revoke in (services.tokens.revoke_others, services.profile.revoke_all_tokens):
        with pytest.raises(InvalidToken):
            await revoke(caller, a_request(services))
    granted(await api.get("/v1/me", headers=bearer(fresh)))
    assert (await recorded(services)).count("tokens.revoked") == 1


async def test_a_dead_session_logs_nobody_out(api: httpx.AsyncClient, services: Services) -> None:
    caller = await an_overtaken_caller(api, services)
    with pytest.raises(InvalidToken):
        await services.tokens.log_out(caller, a_request(services))
    assert "token.revoked" not in await recorded(services)


async def test_a_dead_session_changes_no_password(api: httpx.AsyncClient, services: Services) -> None:
    caller = await an_overtaken_caller(api, services)
    with pytest.raises(InvalidToken):
        await services.profile.change_password(
            caller, SecretStr(PASSWORD), SecretStr(NEW_PASSWORD), a_request(services)
        )
    granted(await log_in(api))
    assert "password.changed" not in await recorded(services)


async def test_a_dead_session_drops_no_enrollment(api: httpx.AsyncClient, services: Services) -> None:
    caller = await an_overtaken_caller(api, services)
    fresh = await a_session(api)
    await begin(api, fresh)
    with pytest.raises(InvalidToken):
        await services.two_factor.cancel(caller, a_request(services))
    assert granted(await api.get("/v1/me/2fa", headers=bearer(fresh)))["status"] == "pending"


async def test_a_dead_session_turns_nothing_off(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    """And the code that it sent is not used up."""
    device = await enrolled_account(api, services, clock)
    body = {"password": PASSWORD, "code": device.recovery_codes[0]}
    disabling = api.post("/v1/me/2fa/disable", json=body, headers=bearer(device.token))
    refused(await overtaken(database_url, disabling, BUMPED), 401, "invalid_token")
    granted(await log_in(api, code=device.recovery_codes[0]))
    assert not {"two_factor.disabled", "two_factor.code_refused"} & set(await recorded(services))


async def test_a_session_that_died_with_two_factor_turns_nothing_off(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """Whoever lost a race to turn it off: that the token is dead comes before the state."""
    device = await enrolled_account(api, services, clock)
    caller = await services.tokens.check(device.token, a_request(services))
    granted(await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(device.token)))
    with pytest.raises(InvalidToken):
        await services.two_factor.disable(caller, SecretStr(PASSWORD), None, a_request(services))


# Two-factor authentication


async def test_an_enrollment_that_is_dropped_meanwhile_is_not_confirmed(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await an_account(services)
    session = await a_session(api)
    code = {"code": totp_code((await begin(api, session))["secret"], clock.now())}
    confirming = api.post("/v1/me/2fa/confirm", json=code, headers=bearer(session))
    refused(await overtaken(database_url, confirming, NO_ENROLLMENT), 409, "no_pending_enrollment")
    assert granted(await api.get("/v1/me/2fa", headers=bearer(session)))["status"] == "disabled"
    assert await count(services, "recovery_codes") == 0


async def test_no_secret_is_shown_over_a_device_that_is_on_meanwhile(
    api: httpx.AsyncClient, services: Services, database_url: str
) -> None:
    account = await an_account(services)
    session = await a_session(api)
    on = """
        WITH locked AS (SELECT id FROM accounts WHERE id = $1 FOR UPDATE),
            device AS (
                INSERT INTO authenticators (id, account_id, kind, name, created_at, sealed_secret, last_step)
                SELECT id, id, 'totp', 'Phone', now(), '\\x00', 1 FROM locked)
        INSERT INTO two_factor_accounts (account_id, enabled_at) SELECT id, now() FROM locked
    """
    beginning = api.post("/v1/me/2fa/enrollment", json={"password": PASSWORD}, headers=bearer(session))
    refused(await overtaken(database_url, beginning, on, account.id), 409, "two_factor_already_enabled")
    assert "two_factor.enrollment_started" not in await recorded(services)
    assert await count(services, "authenticators") == 1


@pytest.mark.parametrize("act", ["disable", "recovery-codes"])
async def test_a_device_that_is_gone_meanwhile_is_not_enabled(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str, act: str
) -> None:
    device = await enrolled_account(api, services, clock)
    acting = api.post(f"/v1/me/2fa/{act}", json={"password": PASSWORD}, headers=bearer(device.token))
    refused(await overtaken(database_url, acting, NO_DEVICE), 409, "two_factor_not_enabled")
    granted(await api.get("/v1/me", headers=bearer(device.token)))
    assert (await recorded(services))[-1] == "two_factor.enabled"
    assert await count(services, "recovery_codes") == 0


# Logging in


async def test_a_log_in_with_a_code_is_no_log_in_any_more(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    device = await enrolled_account(api, services, clock)
    logging_in = log_in(api, code=device.recovery_codes[0])
    refused(await overtaken(database_url, logging_in, BUMPED), 401, "invalid_credentials")
    assert await count(services, "recovery_codes") == 10
    assert "recovery_code.used" not in await recorded(services)


async def test_a_recovery_code_of_a_device_that_is_gone_meanwhile_is_wrong(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    device = await enrolled_account(api, services, clock)
    logging_in = log_in(api, code=device.recovery_codes[0])
    refused(await overtaken(database_url, logging_in, NO_DEVICE), 401, "invalid_code")
    assert (await recorded(services))[-1] == "two_factor.code_refused"


async def test_a_log_in_without_a_code_is_no_log_in_any_more(
    api: httpx.AsyncClient, services: Services, database_url: str
) -> None:
    await an_account(services)
    refused(await overtaken(database_url, log_in(api), BUMPED), 401, "invalid_credentials")
    assert await count(services, "tokens") == 0
    assert "login.succeeded" not in await recorded(services)


async def test_a_first_step_opens_no_challenge_any_more(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await enrolled_account(api, services, clock)
    refused(await overtaken(database_url, log_in(api), BUMPED), 401, "invalid_credentials")
    assert await count(services, "login_challenges") == 0


async def test_the_loser_of_a_race_for_a_challenge_burns_no_recovery_code(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    device = await enrolled_account(api, services, clock)
    step = {"challenge": granted(await log_in(api))["challenge"], "code": device.recovery_codes[0]}
    answering = api.post("/v1/login/two-factor", json=step)
    refused(await overtaken(database_url, answering, BUMPED), 401, "challenge_expired")
    assert await count(services, "recovery_codes") == 10
    granted(await log_in(api, code=device.recovery_codes[0]))


@pytest.mark.parametrize("code", [True, False], ids=["with a code", "without"])
async def test_an_account_that_is_deleted_meanwhile_is_a_wrong_credential(
    api: httpx.AsyncClient,
    services: Services,
    clock: SetClock,
    database_url: str,
    code: bool,  # noqa: FBT001 - one of the two ways
) -> None:
    device = await enrolled_account(api, services, clock)
    params: dict[str, Any] = {"code": device.recovery_codes[0]} if code else {}
    gone = "DELETE FROM accounts"
    refused(await overtaken(database_url, log_in(api, **params), gone), 401, "invalid_credentials")
    assert await count(services, "tokens") == await count(services, "code_attempts") == 0


async def test_an_account_that_is_deleted_meanwhile_confirms_nothing(
    api: httpx.AsyncClient, services: Services, clock: SetClock, database_url: str
) -> None:
    await an_account(services)
    session = await a_session(api)
    code = {"code": totp_code((await begin(api, session))["secret"], clock.now())}
    confirming = api.post("/v1/me/2fa/confirm", json=code, headers=bearer(session))
    refused(await overtaken(database_url, confirming, "DELETE FROM accounts"), 401, "invalid_token")
    assert await count(services, "authenticator_enrollments") == await count(services, "code_attempts") == 0


async def test_a_wrong_code_for_an_account_that_is_deleted_leaves_no_trace(
    api: httpx.AsyncClient, services: Services
) -> None:
    account = await an_account(services)
    await services.admin.delete(account.id, an_operator(services))
    refusal = await services.two_factor.verifier.record_wrong_code(account, 1, a_request(services))
    assert isinstance(refusal, WrongCode)
    assert refusal.members == {"attempts_remaining": 9}
    assert (await recorded(services))[-1] == "account.deleted"
    assert await count(services, "outbox") == 0
