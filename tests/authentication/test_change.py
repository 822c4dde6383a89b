"""Every change of credentials has one home, and nothing that a revoked token began is done."""

import ast
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.kernel.refusal import InvalidToken
from app.services import Services
from app.tokens.domain import Caller, PersonalTokenRequest
from tests.conftest import SetClock
from tests.support.answers import granted, refused
from tests.support.people import (
    NEW_PASSWORD,
    PASSWORD,
    a_request,
    a_session,
    an_account,
    bearer,
    enroll,
    until_use_is_written,
)

pytestmark = pytest.mark.anyio
_APP = Path(__file__).resolve().parents[2] / "app"


def _calls() -> Iterator[tuple[str, str]]:
    """Each file of the service, and the name of each method that it calls."""
    for path in _APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield str(path.relative_to(_APP)), node.func.attr


def test_only_a_credential_change_bumps_an_epoch() -> None:
    bumping = {file for file, name in _calls() if name in {"bump_epoch", "bump_every_epoch"}}
    # The accounts' own service hands the call on to its repository.
    assert bumping == {"authentication/change.py", "accounts/service.py"}


def test_only_the_accounts_write_the_epoch() -> None:
    writing = {path for path in _APP.rglob("*.py") if "credential_epoch + 1" in path.read_text(encoding="utf-8")}
    # The second takes an account over again that has never logged in.
    assert writing == {_APP / "accounts" / "repository.py", _APP / "accounts" / "foreign" / "repository.py"}


def test_every_act_of_a_token_locks_that_token() -> None:
    """So that a revocation of the token comes before an act or after it, and never in the middle."""
    acts = [
        (node.name, _called_in(node))
        for path in _APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AsyncFunctionDef) and "caller" in {each.arg for each in node.args.args}
    ]
    writing = [(name, called) for name, called in acts if "transaction" in called]
    assert len(writing) > 10
    # A log-out deletes the token itself.
    assert [name for name, called in writing if not called & {"lock_caller", "lock_unrevoked"}] == ["log_out"]


def _called_in(function: ast.AsyncFunctionDef) -> set[str]:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {call.attr for call in calls if isinstance(call, ast.Attribute)}


Act = Callable[[Services, Caller], Awaitable[Any]]
ACTS: dict[str, Act] = {
    "change the password": lambda services, caller: services.profile.change_password(
        caller, SecretStr(PASSWORD), SecretStr(NEW_PASSWORD), a_request(services)
    ),
    "begin an enrollment": lambda services, caller: services.two_factor.begin(
        caller, SecretStr(PASSWORD), a_request(services)
    ),
    "drop an enrollment": lambda services, caller: services.two_factor.cancel(caller, a_request(services)),
    "create a personal token": lambda services, caller: services.personal_tokens.create(
        caller, PersonalTokenRequest("Backup"), a_request(services)
    ),
    "revoke the others": lambda services, caller: services.tokens.revoke_others(caller, a_request(services)),
    "revoke all": lambda services, caller: services.profile.revoke_all_tokens(caller, a_request(services)),
    "log out": lambda services, caller: services.tokens.log_out(caller, a_request(services)),
}


@pytest.mark.parametrize("act", ACTS)
async def test_a_revoked_token_finishes_nothing(api: httpx.AsyncClient, services: Services, act: str) -> None:
    """It was let in, and another call revoked it before its act wrote anything: the epoch is still the same."""
    await an_account(services)
    caller = await services.tokens.check(await a_session(api), a_request(services))
    owner = await a_session(api)
    revoked = await api.delete(f"/v1/me/tokens/{caller.token.id}", headers=bearer(owner))
    assert revoked.status_code == 204
    with pytest.raises(InvalidToken):
        await ACTS[act](services, caller)
    granted(await api.get("/v1/me", headers=bearer(owner)))


async def test_a_revoked_token_turns_two_factor_neither_on_nor_off(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    caller = await services.tokens.check(device.token, a_request(services))
    assert (await api.post("/v1/logout", headers=bearer(device.token))).status_code == 204
    with pytest.raises(InvalidToken):
        await services.two_factor.disable(caller, SecretStr(PASSWORD), None, a_request(services))
    with pytest.raises(InvalidToken):
        await services.two_factor.replace_recovery_codes(caller, SecretStr(PASSWORD), a_request(services))


async def test_a_password_change_proves_no_second_factor_anew(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    """Twenty hours later the new session is as old a proof as the one that it replaces."""
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    caller = await services.tokens.check(device.token, a_request(services))
    token = device.token
    for _ in range(20):
        clock.advance(timedelta(minutes=59))
        granted(await api.get("/v1/me", headers=bearer(token)))
        await until_use_is_written(services, token)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    changed = granted(await api.post("/v1/me/password", json=body, headers=bearer(token)))
    later = await services.tokens.check(changed["grant"]["access_token"], a_request(services))
    assert later.token.amr == ("pwd", "otp", "mfa")
    assert later.token.authenticated_at == caller.token.authenticated_at


async def test_an_old_proof_makes_no_personal_token(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    device = await enroll(api, await a_session(api), clock.now())
    clock.advance(timedelta(seconds=900))
    granted(await api.post("/v1/me/tokens", json={"description": "a"}, headers=bearer(device.token)), 201)
    clock.advance(timedelta(seconds=1))
    late = await api.post("/v1/me/tokens", json={"description": "b"}, headers=bearer(device.token))
    assert refused(late, 403, "reauthentication_required")["max_age"] == 900


async def test_without_a_second_factor_no_proof_grows_old(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await an_account(services)
    token = await a_session(api)
    clock.advance(timedelta(minutes=50))
    granted(await api.post("/v1/me/tokens", json={"description": "a"}, headers=bearer(token)), 201)
