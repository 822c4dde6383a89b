"""Every act that changes something: what it needs, the request, and what it is answered when it is repeated."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.clients.domain import Role
from tests.support.people import NEW_PASSWORD, PASSWORD
from tests.support.processes import Person, Processes


@dataclass(frozen=True)
class Scene:
    """One person about to do one thing. `watched` are tokens that live; the act may end them."""

    person: Person
    method: str
    path: str
    body: Any = None
    watched: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)

    async def play(self, processes: Processes, **headers: str) -> httpx.Response:
        params = self.more | {"headers": self.more.get("headers", {}) | headers}
        return await processes.call(self.method, self.path, self.body, **params)


@dataclass(frozen=True)
class Act:
    name: str
    prepare: Callable[[Processes], Awaitable[Scene]]
    done: int
    again: int
    """What the same request is answered once the act has happened."""
    brief: bool
    """Whether it is killed in the short form too."""

    def __str__(self) -> str:
        return self.name


ACTS: list[Act] = []
_Prepare = Callable[[Processes], Awaitable[Scene]]


def _act(name: str, *, done: int, again: int, brief: bool = True) -> Callable[[_Prepare], _Prepare]:
    def keep(prepare: _Prepare) -> _Prepare:
        ACTS.append(Act(name, prepare, done, again, brief))
        return prepare

    return keep


def _by(token: str) -> dict[str, Any]:
    return {"token": token}


async def _holder(processes: Processes, *, two_factor: bool = True) -> tuple[Person, tuple[str, ...]]:
    """Somebody with a session and a personal token besides."""
    person = await processes.someone(two_factor=two_factor)
    made = await processes.post("/v1/me/tokens", {"description": "kept"}, token=person.token)
    assert made.status_code == 201, made.text
    return person, (person.token, made.json()["access_token"])


def _credentials(person: Person, **more: str) -> dict[str, str]:
    return {"email": person.email, "password": person.password} | more


@_act("log in by password", done=200, again=200)
async def _log_in(processes: Processes) -> Scene:
    person, tokens = await _holder(processes, two_factor=False)
    return Scene(person, "POST", "/v1/login", _credentials(person), tokens)


@_act("log in with a code at once", done=200, again=401, brief=False)
async def _log_in_with_code(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/login", _credentials(person, code=processes.code(person)), tokens)


@_act("log in with a recovery code", done=200, again=401)
async def _log_in_with_recovery_code(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/login", _credentials(person, code=person.recovery_codes[0]), tokens)


@_act("log in, first step", done=200, again=200, brief=False)
async def _first_step(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/login", _credentials(person), tokens)


@_act("log in, second step", done=200, again=401)
async def _second_step(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    body = {"challenge": await processes.challenge(person), "code": processes.code(person)}
    return Scene(person, "POST", "/v1/login/two-factor", body, tokens)


@_act("log in, second step by recovery code", done=200, again=401, brief=False)
async def _second_step_by_recovery_code(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    body = {"challenge": await processes.challenge(person), "code": person.recovery_codes[0]}
    return Scene(person, "POST", "/v1/login/two-factor", body, tokens)


@_act("log out", done=204, again=401, brief=False)
async def _log_out(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/logout", None, tokens, _by(person.token))


@_act("begin to enroll", done=201, again=201)
async def _begin(processes: Processes) -> Scene:
    person, tokens = await _holder(processes, two_factor=False)
    return Scene(person, "POST", "/v1/me/2fa/enrollment", {"password": PASSWORD}, tokens, _by(person.token))


async def _pending(processes: Processes) -> tuple[Person, tuple[str, ...], str]:
    person, tokens = await _holder(processes, two_factor=False)
    began = await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=person.token)
    return person, tokens, str(began.json()["secret"])


@_act("cancel an enrollment", done=204, again=204, brief=False)
async def _cancel(processes: Processes) -> Scene:
    person, tokens, _ = await _pending(processes)
    return Scene(person, "DELETE", "/v1/me/2fa/enrollment", None, tokens, _by(person.token))


@_act("confirm", done=200, again=401)
async def _confirm(processes: Processes) -> Scene:
    person, tokens, secret = await _pending(processes)
    code = processes.code(Person(person.id, person.email, secret=secret))
    return Scene(person, "POST", "/v1/me/2fa/confirm", {"code": code}, tokens, _by(person.token))


@_act("disable", done=200, again=401, brief=False)
async def _disable(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/me/2fa/disable", {"password": PASSWORD}, tokens, _by(person.token))


@_act("disable with a code", done=200, again=401)
async def _disable_with_code(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    body = {"password": PASSWORD, "code": processes.code(person)}
    return Scene(person, "POST", "/v1/me/2fa/disable", body, tokens, _by(person.token))


@_act("replace the recovery codes", done=201, again=201, brief=False)
async def _replace(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/me/2fa/recovery-codes", {"password": PASSWORD}, tokens, _by(person.token))


@_act("change the password", done=200, again=401)
async def _change_password(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    return Scene(person, "POST", "/v1/me/password", body, tokens, _by(person.token))


@_act("ask for a reset", done=202, again=202)
async def _ask_for_reset(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/password-reset", {"email": person.email}, tokens)


@_act("follow the reset link", done=200, again=410)
async def _follow_link(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    body = {"token": await processes.reset_token(person), "new_password": NEW_PASSWORD}
    return Scene(person, "POST", "/v1/password-reset/confirm", body, tokens)


@_act("create a token", done=201, again=201)
async def _create_token(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/me/tokens", {"description": "another"}, tokens, _by(person.token))


@_act("revoke a token", done=204, again=404)
async def _revoke(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    listed = (await processes.get("/v1/me/tokens", token=person.token)).json()["items"]
    [id] = [item["id"] for item in listed if item["kind"] == "personal"]
    return Scene(person, "DELETE", f"/v1/me/tokens/{id}", None, tokens, _by(person.token))


@_act("revoke all but this one", done=200, again=200, brief=False)
async def _revoke_others(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    return Scene(person, "POST", "/v1/me/tokens/revoke-all", {}, tokens, _by(person.token))


@_act("revoke all", done=200, again=401)
async def _revoke_all(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    body = {"keep_current": False}
    return Scene(person, "POST", "/v1/me/tokens/revoke-all", body, tokens, _by(person.token))


@_act("a service revokes a token", done=200, again=200, brief=False)
async def _service_revokes(processes: Processes) -> Scene:
    person, tokens = await _holder(processes)
    more = {"auth": await processes.client(Role.INTROSPECT), "data": {"token": tokens[1]}}
    return Scene(person, "POST", "/v1/revoke", None, tokens, more)


async def _by_admin(processes: Processes, method: str, end: str, body: Any) -> Scene:
    person, tokens = await _holder(processes)
    path = f"/v1/admin/accounts/{person.id}{end}"
    return Scene(person, method, path, body, tokens, {"auth": await processes.client(Role.ADMIN)})


@_act("an admin resets 2FA", done=200, again=200)
async def _reset_two_factor(processes: Processes) -> Scene:
    return await _by_admin(processes, "POST", "/2fa/reset", {"reason": "lost"})


@_act("an admin revokes the tokens", done=200, again=200, brief=False)
async def _admin_revokes(processes: Processes) -> Scene:
    return await _by_admin(processes, "POST", "/tokens/revoke", {"reason": "seen elsewhere"})


@_act("an admin sends a reset link", done=202, again=202, brief=False)
async def _admin_sends_link(processes: Processes) -> Scene:
    return await _by_admin(processes, "POST", "/password-reset", None)


@_act("an admin disables the account", done=200, again=200)
async def _disable_account(processes: Processes) -> Scene:
    return await _by_admin(processes, "PATCH", "", {"status": "disabled"})


@_act("an admin deletes the account", done=204, again=404)
async def _delete_account(processes: Processes) -> Scene:
    return await _by_admin(processes, "DELETE", "", None)
