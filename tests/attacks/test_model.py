"""A random walk through everything that proves something, on two processes, beside a reference that has no database.

Each answer is compared with the reference's: status, code, attempts left, how many tokens died. After each act the
other process is asked about every token, and how each account stands. `make test` walks the same few ways each time;
`make test-long` many new ones.
"""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.attacks.conftest import LONG
from tests.attacks.model import (
    ABSENT,
    AddressLink,
    CancelLink,
    Challenge,
    Clearing,
    Enrollment,
    Expected,
    Key,
    Limits,
    Link,
    NewCodes,
    Reference,
    Registration,
    Ticket,
    Token,
    UndoLink,
)
from tests.attacks.pair import Pair, pair
from tests.support.keys import PRESENT, SoftwareKey, b64
from tests.support.people import NEW_PASSWORD, PASSWORD, totp_code
from tests.support.postgres import Server

# The last one is weak.
PASSWORDS = (PASSWORD, NEW_PASSWORD, "onyx-otter-canal-88-drift", "velvet-anchor-thistle-303", "password1")
WRONG = "never-anybodys-password-77"
SEED = 184
"""Of 300 numbers the one whose six walks meet all of MET, and the most different answers."""
FIXED_WALKS, FIXED_STEPS = (20, 60) if LONG else (6, 50)
_numbers = count(1)
MET = {
    (409, "two_factor_already_enabled"),
    (409, "two_factor_not_enabled"),
    (409, "no_pending_enrollment"),
    (409, "last_authenticator"),
    (409, "authenticator_limit_reached"),
    (409, "authenticator_exists"),
    (409, "method_not_available"),
    (401, "invalid_credential"),
    (403, "invalid_credential"),
    (410, "registration_expired"),
    (409, "two_factor_required_by_policy"),
    (401, "ticket_expired"),
    (409, "nothing_to_cancel"),
    (410, "cancel_link_invalid"),
    (410, "email_token_invalid"),
    (409, "email_taken"),
    (401, "invalid_code"),
    (429, "too_many_attempts"),
    (403, "invalid_code"),
    (410, "enrollment_expired"),
    (401, "challenge_expired"),
    (401, "invalid_credentials"),
    (401, "invalid_token"),
    (403, "wrong_password"),
    (403, "session_required"),
    (404, "not_found"),
    (410, "reset_token_invalid"),
    (422, "weak_password"),
}
"""What the fixed walks are known to meet, so that none of them stands still."""
SUCCEEDS = {
    "POST /v1/login/two-factor",
    "POST /v1/login/passkey",
    "POST /v1/login/enrollment/confirm",
    "POST /v1/me/2fa/webauthn",
    "POST /v1/two-factor-clearing/cancel",
    "POST /v1/password-reset/confirm",
    "POST /v1/email-change/confirm",
    "POST /v1/email-change/undo",
}
"""The calls of this list succeed at least once on these walks."""
Thing = TypeVar("Thing")
Seen = tuple[str, int, str | None]


@dataclass(frozen=True)
class Step:
    """One act of a walk; each takes what it needs of the rest."""

    act: str
    who: int = 0
    on: int = 0
    """Which of the two processes."""
    which: str = "session"
    other: str = "session"
    age: int = 0
    code: str | None = None
    right: bool = True
    new: int = 0
    flag: bool = True


ACTS = {
    "again": 5,
    "log_in": 8,
    "prove": 4,
    "prove_by_key": 3,
    "log_in_by_passkey": 3,
    "log_out": 1,
    "look": 1,
    "enroll": 3,
    "enroll_beside": 4,
    "register": 4,
    "register_late": 1,
    "begin_by_ticket": 2,
    "confirm_by_ticket": 2,
    "remove": 2,
    "cancel": 1,
    "confirm": 4,
    "disable": 3,
    "replace_codes": 2,
    "change_password": 3,
    "ask_for_link": 2,
    "follow_link": 4,
    "cancel_clearing": 2,
    "ask_for_address": 3,
    "follow_to_address": 2,
    "cancel_address": 1,
    "undo": 2,
    "create_token": 2,
    "revoke": 2,
    "revoke_all": 2,
    "revoke_presented": 1,
    "operator_disables": 1,
    "operator_enables": 4,
    "operator_resets": 1,
    "operator_revokes": 1,
    "operator_requires": 2,
    "operator_exempts": 1,
    "operator_cancels": 1,
    "operator_moves": 1,
    "time_passes": 3,
    "clock_steps_back": 2,
    "restart": 1,
}
BY_A_SESSION = frozenset(
    (
        "enroll",
        "enroll_beside",
        "register",
        "register_late",
        "confirm",
        "remove",
        "disable",
        "replace_codes",
        "change_password",
        "ask_for_address",
        "cancel_address",
        "create_token",
        "revoke",
        "revoke_all",
    )
)
CODES = ["now"] * 8 + ["before", "after", "stale", "early", "far", "wrong", "wrong", "recovery", "bare", "old", "lost"]
CHOICES: dict[str, Sequence[Any]] = {
    "act": [act for act, weight in ACTS.items() for _ in range(weight)],
    "who": [0, 1],
    "on": [0, 1],
    "which": ["session"] * 6 + ["other", "personal", "dead", "nobody"],
    "other": ["session"] * 3 + ["other", "personal", "dead", "nobody"],
    "age": [0, 0, 0, 1, 2, 5],
    "code": [None, None, None, None, *CODES],
    "right": [True] * 6 + [False],
    "new": [0, 1, 2, 3, -1],
    "flag": [True, False],
}
STEPS = st.builds(Step, **{name: st.sampled_from(choices) for name, choices in CHOICES.items()})
IN, ENROLL, CONFIRM = Step("log_in"), Step("enroll"), Step("confirm", code="now")
BESIDE, REGISTER = Step("enroll_beside"), Step("register")
TOKEN, LINK = Step("create_token"), Step("ask_for_link")
OPENINGS = {
    "enabled": [IN, ENROLL, CONFIRM, TOKEN, IN, LINK],
    "several": [IN, ENROLL, CONFIRM, BESIDE, TOKEN, BESIDE, BESIDE],
    "required": [Step("operator_requires"), Step("time_passes", new=-1, age=5), Step("begin_by_ticket"), TOKEN],
    "waiting": [IN, ENROLL, CONFIRM, LINK, Step("follow_link", new=1)],
    "keys": [IN, REGISTER, Step("log_in_by_passkey"), replace(REGISTER, flag=False), TOKEN, LINK],
    "moved": [Step("operator_moves", new=1), IN, LINK, Step("ask_for_address", new=2), IN, ENROLL, CONFIRM, TOKEN],
    "pending": [IN, ENROLL, TOKEN, LINK],
    "changed": [IN, ENROLL, Step("change_password"), CONFIRM],
    # The enrollment expires, then the session grows idle.
    "late": [IN, ENROLL, Step("time_passes", new=-1, age=5), CONFIRM, Step("time_passes", new=2, age=5)],
    "bare": [],
}
PAIRS = [
    ["several", "enabled"],
    ["keys", "waiting"],
    ["required", "late"],
    ["changed", "moved"],
    ["moved", "waiting"],
    ["enabled", "required"],
]
STARTS = st.lists(st.sampled_from(list(OPENINGS)), min_size=2, max_size=2)
OFFSETS = {"now": 0, "before": -1, "after": 1, "stale": -2, "early": 2, "far": -9}
FORWARD = (30, 1, 30, 61, 301, 601, 901, 1801, 3601, 86401)
BACK = (1, 10, 30, 61)
AGES = (None, 8, 90, 5000)


def fixed_step(walk: str, number: int) -> Step:
    """The same at each run, and spread evenly, which the first few examples of hypothesis are not."""
    dice = hashlib.sha256(f"{walk} {number}".encode()).digest()
    return Step(**{name: choices[dice[at] % len(choices)] for at, (name, choices) in enumerate(CHOICES.items())})


def other_way(step: Step) -> Step:
    """What follows is asked of the other process."""
    return replace(step, on=1 - step.on)


def pick(things: Sequence[Thing], age: int, otherwise: Thing) -> Thing:
    """The newest has age 0."""
    return things[-1 - age % len(things)] if things else otherwise


def code_of(person: Reference, how: str, at: datetime, device: int = 0, *, pending: bool = False) -> str:
    """`device` counts from the newest, 0; `pending` means the one that is being set up."""
    secrets = [each.secret for each in person.devices]
    beside = [person.pending.secret] if person.pending else []
    if how == "lost" and person.old_secrets:
        return totp_code(person.old_secrets[-1], at)
    if how == "old" and person.old_codes:
        return person.old_codes[-1]
    if how in {"recovery", "bare"} and person.recovery_codes:
        code = person.recovery_codes[0]
        return code if how == "recovery" else code.replace("-", "").lower()
    if not secrets and not beside:
        return "123456"
    if how in OFFSETS:
        of = (beside or secrets) if pending else (secrets or beside)
        return totp_code(pick(of, device, ""), at, steps=OFFSETS[how])
    near = {totp_code(secret, at, steps=steps) for secret in secrets + beside for steps in range(-20, 21)}
    return next(code for code in map("{:06d}".format, range(1000)) if code not in near)


def must_hold(part: Mapping[str, Any], whole: Mapping[str, Any], expected: str) -> None:
    for name, value in part.items():
        if value is ABSENT:
            assert name not in whole, f"{name} is there: {expected}"
        elif isinstance(value, datetime):
            # The service's clocks have parts of a second.
            assert datetime.fromisoformat(whole[name]).replace(microsecond=0) == value, f"{name}: {expected}"
        elif isinstance(value, Mapping):
            must_hold(value, whole[name], expected)
        else:
            assert whole[name] == value, f"{name} should be {value}: {expected}"


class Walk(RuleBasedStateMachine):
    def __init__(self, service: Pair, limits: Limits, seen: Counter[Seen]) -> None:
        super().__init__()
        self.service, self.limits, self.seen = service, limits, seen
        self.at = service.clock.at
        self.last = 0
        """The process that answered last."""
        self.previous = Step("look")
        self.looks = 0
        self.known_dead: set[str] = set()
        self.people = [self._person() for _ in range(2)]
        self.addresses = [person.email for person in self.people]
        self.addresses += [f"moved{next(_numbers)}@example.com" for _ in range(3)]

    def _person(self) -> Reference:
        email = f"walker{next(_numbers)}@example.com"
        answer = self._operator(0, "POST", "/v1/admin/accounts", {"email": email, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        return Reference(self.limits, email, PASSWORD, answer.json()["id"])

    def _operator(self, on: int, method: str, path: str, body: Any = None) -> httpx.Response:
        self.last = on
        return self.service.call(on, method, path, body, auth=self.service.client)

    def _same(self, person: Reference, expected: Expected, answer: httpx.Response) -> None:
        """The service said what the reference says; what it opened gets its secret."""
        request = answer.request
        path = re.sub("[0-9a-f]{8}-[0-9a-f-]{27}", "{id}", request.url.path)
        body = answer.json() if answer.content else {}
        self.seen[f"{request.method} {path}", answer.status_code, body.get("code")] += 1
        message = f"{request.method} {path} said {answer.status_code} {answer.text}, not {expected}"
        assert (answer.status_code, body.get("code")) == (expected.status, expected.code), message
        must_hold(expected.members, body, message)
        if isinstance(expected.opened, Token):
            grant = body.get("grant", body)
            expected.opened.secret, expected.opened.id = grant["access_token"], grant["token"]["id"]
        elif isinstance(expected.opened, Challenge):
            expected.opened.secret = body["challenge"]
        elif isinstance(expected.opened, Ticket):
            expected.opened.secret = body["ticket"]
        elif isinstance(expected.opened, CancelLink):
            expected.opened.secret = self.service.mailed(person.id, "two_factor_clearing")[-1]
        elif isinstance(expected.opened, UndoLink):
            expected.opened.secret = self.service.mailed(person.id, "email_changed")[-1]
        elif isinstance(expected.opened, Enrollment) and "secret" in body:
            expected.opened.secret, expected.opened.id = body["secret"], body["id"]
        elif isinstance(expected.opened, Registration):
            expected.opened.secret, expected.opened.options = body["registration"], body["public_key"]
        if isinstance(expected.opened, NewCodes) or person.recovery_codes == [""] * 10:
            person.recovery_codes = list(body["recovery_codes"])

    def _call(self, step: Step, method: str, path: str, body: Any = None, token: Token | None = None) -> httpx.Response:
        self.last = step.on
        return self.service.call(step.on, method, path, body, token=token.secret if token else None)

    def _password(self, step: Step, person: Reference) -> str:
        return (person.password if step.right else None) or WRONG

    def _token(self, person: Reference, which: str) -> Token:
        """Mostly one that may act, so that a walk gets somewhere."""
        nobodys = Token("session", -1, (), self.at, self.at, secret="tks_" + "A" * 43)
        live, sessions = person.live(self.at), self._sessions(person)
        found = {
            "session": sessions,
            "other": sessions[:-1],
            "personal": [token for token in live if token.kind == "personal"],
            "dead": [token for token in person.tokens if token not in live],
            "nobody": [],
        }[which]
        return pick(found, 0, nobodys)

    @initialize(starts=STARTS)
    def begin_somewhere(self, starts: list[str]) -> None:
        for who, how in enumerate(starts):
            for step in OPENINGS[how]:
                self.step(replace(step, who=who))

    @rule(step=STEPS)
    def step(self, step: Step) -> None:
        if step.act == "again":
            step = replace(self.previous, on=1 - self.previous.on)
        person = self.people[step.who]
        if step.act in BY_A_SESSION and step.which == "session" and person.active and not self._sessions(person):
            # Most would otherwise be refused for want of a session, and the walk get nowhere.
            code = ("now" if step.flag and person.devices else "recovery") if person.has_2fa else None
            self.log_in(Step("log_in", step.who, step.on, code=code), person)
        self.previous = step
        getattr(self, step.act)(step, person)
        if any(each.deadline == self.at for each in self.people):
            # Within this second the processes' clocks differ.
            self._set_clock(timedelta(seconds=1), timedelta(seconds=1))

    def _sessions(self, person: Reference) -> list[Token]:
        return [token for token in person.live(self.at) if token.kind == "session"]

    # Getting in.

    def log_in(self, step: Step, person: Reference) -> None:
        body = {"email": person.email, "password": self._password(step, person)}
        if step.code is not None:
            body["code"] = code_of(person, step.code, self.at, step.age)
        expected = person.log_in(body["password"], body.get("code"), self.at)
        self._same(person, expected, self._call(step, "POST", "/v1/login", body))
        if isinstance(expected.opened, Challenge) and step.flag:
            by_key = person.keys and (step.new % 2 or not person.devices)
            code = "recovery" if step.age else "now"
            self.step(replace(step, act="prove_by_key" if by_key else "prove", age=0, code=code, on=1 - step.on))

    def prove(self, step: Step, person: Reference) -> None:
        """Now and then with the code of the other account."""
        self._be_challenged(step, person)
        challenge = pick(person.challenges, step.age, Challenge(-1, self.at, secret="tkc_" + "A" * 43))
        whose = person if step.right else self.people[1 - step.who]
        code = code_of(whose, step.code or "now", self.at, step.new)
        expected = person.prove(challenge, code, self.at)
        body = {"challenge": challenge.secret, "code": code}
        self._same(person, expected, self._call(step, "POST", "/v1/login/two-factor", body))

    def _be_challenged(self, step: Step, person: Reference) -> None:
        if step.flag and person.has_2fa and not any(person.opens(one, self.at) for one in person.challenges):
            self.log_in(Step("log_in", step.who, step.on, flag=False), person)

    def prove_by_key(self, step: Step, person: Reference) -> None:
        """Now and then with a key of the other account, one that was removed, or a counter that stands still."""
        self._be_challenged(step, person)
        challenge = pick(person.challenges, 0, Challenge(-1, self.at, secret="tkc_" + "A" * 43))
        asked = self._call(step, "POST", "/v1/login/two-factor/options", {"challenge": challenge.secret})
        expected = person.key_options(challenge, self.at)
        self._same(person, expected, asked)
        if expected.status != 200:
            return
        key, counter = self._key(step, person)
        credential = key.held.get(asked.json()["public_key"], counter=counter)
        expected = person.prove_by_key(challenge, key, counter, self.at)
        body = {"challenge": challenge.secret, "credential": credential}
        self._same(person, expected, self._call(other_way(step), "POST", "/v1/login/two-factor", body))

    def log_in_by_passkey(self, step: Step, person: Reference) -> None:
        self._by_passkey(step, *self._key(step, person))

    def _by_passkey(self, step: Step, key: Key, counter: int) -> None:
        asked = self._call(step, "POST", "/v1/login/passkey/options", {})
        verified = step.new != -1
        flags = None if verified else PRESENT
        credential = key.held.get(asked.json()["public_key"], counter=counter, flags=flags)
        owner = next((each for each in self.people if key in each.keys), self.people[step.who])
        expected = owner.log_in_by_passkey(key, counter, self.at, verified=verified)
        body = {"challenge": asked.json()["challenge"], "credential": credential}
        self._same(owner, expected, self._call(other_way(step), "POST", "/v1/login/passkey", body))

    def _key(self, step: Step, person: Reference) -> tuple[Key, int]:
        """And what its counter will say."""
        keys = person.keys if step.right else [*self.people[1 - step.who].keys, *person.lost_keys]
        key = pick(keys, step.age, None) or Key(SoftwareKey(user_handle=bytes(32)), passkey=True)
        return key, key.counter + (step.new != 3)

    def log_out(self, step: Step, person: Reference) -> None:
        token = self._token(person, step.which)
        expected = person.log_out(token, self.at)
        self._same(person, expected, self._call(step, "POST", "/v1/logout", token=token))

    def look(self, step: Step, person: Reference) -> None:
        token = self._token(person, step.which)
        expected = person.look(token, self.at)
        self._same(person, expected, self._call(step, "GET", "/v1/me", token=token))
        if expected.status == 200:
            listed = self._call(step, "GET", "/v1/me/tokens?limit=200", token=token).json()["items"]
            assert {item["id"] for item in listed} == {one.id for one in person.live(self.at)}
            owned = self._call(step, "GET", "/v1/me/2fa/authenticators", token=token).json()
            assert [item["id"] for item in owned["items"]] == sorted(each.id for each in person.authenticators)
            accepted = owned["signal"]["accepted_credential_ids"] if owned["signal"] else []
            assert sorted(accepted) == sorted(b64(key.held.credential_id) for key in person.keys)

    # The second factor.

    def enroll(self, step: Step, person: Reference) -> None:
        token, password = self._token(person, step.which), self._password(step, person)
        expected = person.begin(token, password, self.at)
        self._same(person, expected, self._call(step, "POST", "/v1/me/2fa/enrollment", {"password": password}, token))

    def enroll_beside(self, step: Step, person: Reference) -> None:
        """One more, or one in the place of another, now and then of the other account's."""
        token, password = self._token(person, step.which), self._password(step, person)
        body: dict[str, Any] = {"password": password}
        if step.flag:
            expected = person.begin(token, password, self.at, additional=True)
            body["additional"] = True
        else:
            body["replaces"] = self._device(step, person)
            expected = person.begin(token, password, self.at, replaces=body["replaces"])
        self._same(person, expected, self._call(step, "POST", "/v1/me/2fa/enrollment", body, token))
        if expected.status == 201 and step.age == 0:
            self.step(replace(step, act="confirm", code="now", on=1 - step.on))

    def register(self, step: Step, person: Reference) -> None:
        token, password = self._token(person, step.which), self._password(step, person)
        passkey = step.flag or step.age == 1
        expected = person.begin_key(token, password, self.at, passkey=passkey)
        body = {"password": password, "passkey": passkey}
        self._same(person, expected, self._call(step, "POST", "/v1/me/2fa/webauthn/options", body, token))
        if expected.status == 201 and step.age != 5:
            self._register(other_way(step), person, token, person.registrations[-1])

    def register_late(self, step: Step, person: Reference) -> None:
        """With an older registration, now and then of the other account."""
        whose = self.people[1 - step.who] if step.new == 3 else person
        begun = pick(whose.registrations, step.age, None)
        if begun is not None:
            self._register(step, person, self._token(person, step.which), begun)

    def _register(self, step: Step, person: Reference, token: Token, begun: Registration) -> None:
        """Now and then a key that does not verify its user, or one that an account has."""
        keys = [key for each in self.people for key in each.keys] if step.age == 2 else []
        known = pick(keys, step.new, None)
        held = SoftwareKey(verifies_user=step.age != 1)
        if known is not None:
            held.credential_id = known.held.credential_id
        key = Key(held, begun.passkey)
        credential = held.create(begun.options)
        expected = person.register(token, begun, key, self.at, known=known is not None)
        body = {"registration": begun.secret, "credential": credential}
        answer = self._call(step, "POST", "/v1/me/2fa/webauthn", body, token)
        self._same(person, expected, answer)
        if answer.is_success:
            key.id = answer.json()["authenticator"]["id"]

    def remove(self, step: Step, person: Reference) -> None:
        token, password = self._token(person, step.which), self._password(step, person)
        id = self._device(step, person)
        expected = person.remove(token, password, id, self.at)
        path = f"/v1/me/2fa/authenticators/{id}/remove"
        self._same(person, expected, self._call(step, "POST", path, {"password": password}, token))

    def _device(self, step: Step, person: Reference) -> str:
        whose = self.people[1 - step.who] if step.new == 3 else person
        ids = [each.id for each in whose.authenticators]
        return pick(ids, step.age, str(uuid5(NAMESPACE_OID, "nobody's")))

    def cancel(self, step: Step, person: Reference) -> None:
        token = self._token(person, step.which)
        expected = person.cancel(token, self.at)
        self._same(person, expected, self._call(step, "DELETE", "/v1/me/2fa/enrollment", token=token))

    def confirm(self, step: Step, person: Reference) -> None:
        token, code = self._token(person, step.which), code_of(person, step.code or "now", self.at, pending=True)
        expected = person.confirm(token, code, self.at)
        self._same(person, expected, self._call(step, "POST", "/v1/me/2fa/confirm", {"code": code}, token))

    def disable(self, step: Step, person: Reference) -> None:
        token, password = self._token(person, step.which), self._password(step, person)
        body = {"password": password}
        if step.code is not None:
            body["code"] = code_of(person, step.code, self.at)
        expected = person.disable(token, password, body.get("code"), self.at)
        self._same(person, expected, self._call(step, "POST", "/v1/me/2fa/disable", body, token))

    def begin_by_ticket(self, step: Step, person: Reference) -> None:
        """A log-in gives the ticket, where the account must enroll."""
        if step.flag and person.overdue(self.at) and not any(person.admits(each, self.at) for each in person.tickets):
            self.log_in(Step("log_in", step.who, step.on, flag=False), person)
        ticket = self._ticket(step, person)
        expected = person.begin_by_ticket(ticket, self.at)
        body = {"ticket": ticket.secret}
        self._same(person, expected, self._call(step, "POST", "/v1/login/enrollment", body))
        if expected.status == 201 and step.flag:
            self.confirm_by_ticket(replace(other_way(step), code=step.code or "now"), person)

    def confirm_by_ticket(self, step: Step, person: Reference) -> None:
        ticket, code = self._ticket(step, person), code_of(person, step.code or "now", self.at, pending=True)
        expected = person.confirm_by_ticket(ticket, code, self.at)
        body = {"ticket": ticket.secret, "code": code}
        self._same(person, expected, self._call(step, "POST", "/v1/login/enrollment/confirm", body))

    def _ticket(self, step: Step, person: Reference) -> Ticket:
        return pick(person.tickets, step.age, Ticket(-1, self.at, secret="tke_" + "A" * 43))

    def replace_codes(self, step: Step, person: Reference) -> None:
        token, password = self._token(person, step.which), self._password(step, person)
        expected = person.replace_codes(token, password, self.at)
        answer = self._call(step, "POST", "/v1/me/2fa/recovery-codes", {"password": password}, token)
        self._same(person, expected, answer)

    # The password.

    def change_password(self, step: Step, person: Reference) -> None:
        token, current = self._token(person, step.which), self._password(step, person)
        new, weak = PASSWORDS[step.new], step.new < 0
        expected = person.change_password(token, current, new, self.at, weak=weak)
        body = {"current_password": current, "new_password": new}
        self._same(person, expected, self._call(step, "POST", "/v1/me/password", body, token))

    def ask_for_link(self, step: Step, person: Reference) -> None:
        link = person.ask_for_link(self.at)
        answer = self._call(step, "POST", "/v1/password-reset", {"email": person.email})
        self._same(person, Expected(202), answer)
        mailed = self.service.links(person.id)
        assert len(mailed) == len(person.links), "a link went out, or did not"
        if link is not None:
            link.secret = mailed[-1]

    def follow_link(self, step: Step, person: Reference) -> None:
        link = pick(person.links, step.age, Link(-1, self.at, self.at, secret="tkr_" + "A" * 43))
        new, weak = PASSWORDS[step.new], step.new < 0
        body = {"token": link.secret, "new_password": new}
        if step.code is not None:
            body["code"] = code_of(person, step.code, self.at)
        expected = person.follow(link, new, body.get("code"), self.at, weak=weak)
        self._same(person, expected, self._call(step, "POST", "/v1/password-reset/confirm", body))

    def cancel_clearing(self, step: Step, person: Reference) -> None:
        link = pick(person.cancel_links, step.age, CancelLink(Clearing(self.at), "tkx_" + "A" * 43))
        expected = person.cancel_by_link(link, self.at)
        answer = self._call(step, "POST", "/v1/two-factor-clearing/cancel", {"token": link.secret})
        self._same(person, expected, answer)

    # The address.

    def ask_for_address(self, step: Step, person: Reference) -> None:
        """One that nobody has or had, one's own, or one that the other account has or had."""
        token, password, to = self._token(person, step.which), self._password(step, person), self.addresses[step.new]
        expected = person.ask_for_address(token, to, password, self.at)
        body = {"new_email": to, "password": password}
        self._same(person, expected, self._call(step, "POST", "/v1/me/email", body, token))
        if expected.status != 202:
            return
        wanted = person.address_links[-1]
        if wanted.sent and not self._taken(to, person):
            wanted.secret = "to be read"
        mailed = self.service.address_links(person.id)
        assert len(mailed) == sum(bool(link.secret) for link in person.address_links), "a link went out, or did not"
        if wanted.secret:
            wanted.secret = mailed[-1]
        if step.flag:
            self.follow_to_address(replace(other_way(step), age=0), person)

    def _taken(self, address: str, person: Reference) -> bool:
        return any(each.email == address for each in self.people if each is not person)

    def follow_to_address(self, step: Step, person: Reference) -> None:
        mailed = [link for link in person.address_links if link.secret]
        link = pick(mailed, step.age, AddressLink(-1, "", self.at, self.at, secret="tkm_" + "A" * 43))
        expected = person.follow_to_address(link, self.at, taken=self._taken(link.to, person))
        answer = self._call(step, "POST", "/v1/email-change/confirm", {"token": link.secret})
        self._same(person, expected, answer)

    def cancel_address(self, step: Step, person: Reference) -> None:
        token = self._token(person, step.which)
        expected = person.cancel_address(token, self.at)
        self._same(person, expected, self._call(step, "DELETE", "/v1/me/email/pending", token=token))

    def undo(self, step: Step, person: Reference) -> None:
        link = pick(person.undo_links, step.age, UndoLink(-1, "", (), (), self.at, secret="tku_" + "A" * 43))
        expected = person.undo(link, self.at, taken=self._taken(link.to, person))
        self._same(person, expected, self._call(step, "POST", "/v1/email-change/undo", {"token": link.secret}))

    # Tokens.

    def create_token(self, step: Step, person: Reference) -> None:
        token, max_age = self._token(person, step.which), AGES[step.new]
        expected = person.create_token(token, max_age, self.at, extends=step.flag)
        body = {"description": "made on a walk", "max_age_seconds": max_age, "extend_when_used": step.flag}
        self._same(person, expected, self._call(step, "POST", "/v1/me/tokens", body, token))

    def revoke(self, step: Step, person: Reference) -> None:
        """Now and then one of the other account's."""
        whose = person if step.right else self.people[1 - step.who]
        token, other = self._token(person, step.which), self._token(whose, step.other)
        expected = person.revoke(token, other, self.at)
        id = other.id or uuid5(NAMESPACE_OID, "nobody's")
        self._same(person, expected, self._call(step, "DELETE", f"/v1/me/tokens/{id}", token=token))

    def revoke_all(self, step: Step, person: Reference) -> None:
        token = self._token(person, step.which)
        expected = person.revoke_all(token, self.at, keep_current=step.flag)
        body = {"keep_current": step.flag}
        self._same(person, expected, self._call(step, "POST", "/v1/me/tokens/revoke-all", body, token))

    def revoke_presented(self, step: Step, person: Reference) -> None:
        token, self.last = self._token(person, step.which), step.on
        client, form = self.service.client, {"token": token.secret}
        answer = self.service.call(step.on, "POST", "/v1/revoke", auth=client, data=form)
        self._same(person, person.revoke_presented(token, self.at), answer)

    # An operator.

    def operator_disables(self, step: Step, person: Reference) -> None:
        self._set_status(step, person, "disabled")

    def operator_enables(self, step: Step, person: Reference) -> None:
        self._set_status(step, person, "active")

    def _set_status(self, step: Step, person: Reference, status: str) -> None:
        expected = person.set_active(self.at, active=status == "active")
        answer = self._operator(step.on, "PATCH", f"/v1/admin/accounts/{person.id}", {"status": status})
        self._same(person, expected, answer)

    def operator_resets(self, step: Step, person: Reference) -> None:
        """All of them, or one."""
        path, body = f"/v1/admin/accounts/{person.id}/2fa/reset", {"reason": "on a walk"}
        if step.flag:
            body["authenticator_id"] = self._device(step, person)
            expected = person.operator_removes(body["authenticator_id"], self.at)
        else:
            expected = person.operator_resets(self.at)
        self._same(person, expected, self._operator(step.on, "POST", path, body))

    def operator_requires(self, step: Step, person: Reference) -> None:
        self._set_policy(step, person, "required")

    def operator_exempts(self, step: Step, person: Reference) -> None:
        self._set_policy(step, person, "inherit")

    def _set_policy(self, step: Step, person: Reference, policy: str) -> None:
        expected = person.set_required(self.at, required=policy == "required")
        path = f"/v1/admin/accounts/{person.id}"
        self._same(person, expected, self._operator(step.on, "PATCH", path, {"two_factor_policy": policy}))

    def operator_cancels(self, step: Step, person: Reference) -> None:
        path = f"/v1/admin/accounts/{person.id}/2fa/clearing/cancel"
        expected = person.operator_cancels(self.at)
        self._same(person, expected, self._operator(step.on, "POST", path, {"reason": "on a walk"}))

    def operator_moves(self, step: Step, person: Reference) -> None:
        to = self.addresses[step.new]
        expected = person.operator_moves(to, self.at, taken=self._taken(to, person))
        answer = self._operator(step.on, "PATCH", f"/v1/admin/accounts/{person.id}", {"email": to})
        self._same(person, expected, answer)

    def operator_revokes(self, step: Step, person: Reference) -> None:
        path = f"/v1/admin/accounts/{person.id}/tokens/revoke"
        expected = person.operator_revokes(self.at)
        self._same(person, expected, self._operator(step.on, "POST", path, {"reason": "on a walk"}))

    # Time, and processes.

    def time_passes(self, step: Step, _: Reference) -> None:
        by = FORWARD[step.new + 1 + 5 * (step.age == 5)]
        self._set_clock(timedelta(seconds=by), timedelta(seconds=1))

    def clock_steps_back(self, step: Step, _: Reference) -> None:
        self._set_clock(-timedelta(seconds=BACK[step.new]), -timedelta(seconds=1))

    def _set_clock(self, by: timedelta, more: timedelta) -> None:
        self._settle()
        ends = {end for person in self.people for end in person.deadlines()}
        self.at += by
        while self.at in ends:
            self.at += more
        self.service.clock.set(self.at)

    def _settle(self) -> None:
        """What was noted in a process's memory is in the database, so that what comes next is the same in each run."""
        used = {
            token.id: token.secret
            for person in self.people
            for token in person.live(self.at)
            if token.used is not None and token.used >= self.at
        }
        if used:
            for person in self.people:
                for token in person.live(self.at):
                    if token.id in used:
                        token.use(self.at)
            self.service.let_uses_be_written(used, self.at)

    def restart(self, step: Step, _: Reference) -> None:
        self._settle()
        self.service.restart(hard=step.flag)

    # What must always hold.

    @invariant()
    def everything_lives_as_it_should(self) -> None:
        """Asks about what lives, what just died, and a few of the dead in turn; at the end about all."""
        mine = list(self._tokens())
        dead = [token for token in mine if not self._lives(token)]
        for_long = [token for token in dead if token.id in self.known_dead]
        again = for_long if len(for_long) <= 3 else [for_long[(self.looks + each) % len(for_long)] for each in range(3)]
        just_died = [token for token in dead if token.id not in self.known_dead]
        self.looks += 3
        self.known_dead = {token.id for token in dead}
        self._ask_about([*again, *just_died, *(one for one in mine if one not in dead and not one.left_alone)])

    def _tokens(self) -> Iterator[Token]:
        return (token for person in self.people for token in person.tokens)

    def _lives(self, token: Token) -> bool:
        return any(token in person.tokens and person.lives(token, self.at) for person in self.people)

    def _ask_about(self, tokens: Sequence[Token]) -> None:
        """The process that did not answer last is asked."""
        secrets, ids = [token.secret for token in tokens], [person.id for person in self.people]
        answers, accounts = self.service.look(1 - self.last, secrets, ids)
        owners = {id(token): person for person in self.people for token in person.tokens}
        for token, answer in zip(tokens, answers, strict=True):
            person = owners[id(token)]
            if not person.lives(token, self.at):
                assert answer == {"active": False}, f"{token} should be dead: {answer}"
                continue
            assert answer["active"], f"{token} should live"
            token.use(self.at)
            acr = "aal2" if "mfa" in token.amr else "aal1"
            expected = (answer["sub"], answer["username"], answer["kind"], tuple(answer["amr"]), answer["acr"])
            assert expected == (person.id, person.email, token.kind, token.amr, acr)
            assert answer["jti"] == token.id
        for person, found in zip(self.people, accounts, strict=True):
            assert (found["status"], found["email"]) == ("active" if person.active else "disabled", person.email)
            must_hold(person.two_factor(self.at), found["two_factor"], f"{found}")

    def teardown(self) -> None:
        """What is over stays over, whatever is tried: right codes at dead challenges, good passwords at dead links."""
        self._ask_about(list(self._tokens()))
        for person in self.people:
            for challenge in person.challenges:
                if not person.opens(challenge, self.at):
                    body = {"challenge": challenge.secret, "code": code_of(person, "now", self.at)}
                    self._is_dead(person, "/v1/login/two-factor", body, Expected(401, "challenge_expired"))
            for key in person.lost_keys[-3:]:
                self._by_passkey(Step(""), key, key.counter + 1)
            for path, code, links in self._dead_links(person):
                for secret in links:
                    new = {"new_password": PASSWORDS[0]} if code == "reset_token_invalid" else {}
                    self._is_dead(person, path, {"token": secret} | new, Expected(410, code))

    def _is_dead(self, person: Reference, path: str, body: Any, expected: Expected) -> None:
        self._same(person, expected, self._call(Step("", on=1 - self.last), "POST", path, body))

    def _dead_links(self, person: Reference) -> Iterator[tuple[str, str, Iterator[str]]]:
        resets = (link.secret for link in person.links if not person.leads_on(link, self.at))
        yield "/v1/password-reset/confirm", "reset_token_invalid", resets
        mailed = [link for link in person.address_links if link.secret]
        forward = (link.secret for link in mailed if not person.leads_to_address(link, self.at))
        yield "/v1/email-change/confirm", "email_token_invalid", forward
        back = (link.secret for link in person.undo_links if not person.leads_back(link, self.at))
        yield "/v1/email-change/undo", "email_token_invalid", back


RESET_POLICIES = ["clears_two_factor_later", "clears_two_factor", "requires_second_factor"]


@pytest.fixture(scope="module", params=RESET_POLICIES if LONG else RESET_POLICIES[:1])
def limits(request: pytest.FixtureRequest) -> Limits:
    return Limits(reset_policy=request.param)


@pytest.fixture(scope="module")
def service(postgres: Server, tmp_path_factory: pytest.TempPathFactory, limits: Limits) -> Iterator[Pair]:
    name = f"model_{next(_numbers)}"
    url = asyncio.run(postgres.clone(name))
    folder = tmp_path_factory.mktemp("pair")
    with pair(url, folder, limits.as_settings(), restarts=20 if LONG else 1) as started:
        yield started
    asyncio.run(postgres.drop(name))


def test_fixed_walks_end_where_the_reference_does(service: Pair, limits: Limits) -> None:
    seen: Counter[Seen] = Counter()
    for number in range(FIXED_WALKS):
        walk = Walk(service, limits, seen)
        walk.begin_somewhere(PAIRS[number % len(PAIRS)])
        for step in range(FIXED_STEPS):
            walk.step(fixed_step(f"{SEED} {number}", step))
            walk.everything_lives_as_it_should()
        walk.teardown()
    show(seen)
    missed: set[object] = {*(MET - {(status, code) for _, status, code in seen})}
    missed |= SUCCEEDS - {call for call, status, _ in seen if status == 200}
    assert not missed, f"the walks went nowhere near {missed}"


def test_random_walks_end_where_the_reference_does(service: Pair, limits: Limits) -> None:
    seen: Counter[Seen] = Counter()

    class ThisWalk(Walk):
        def __init__(self) -> None:
            super().__init__(service, limits, seen)

    try:
        run_state_machine_as_test(
            ThisWalk,
            settings=settings(
                max_examples=100 if LONG else 3,
                stateful_step_count=60 if LONG else 20,
                derandomize=not LONG,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
            ),
        )
    finally:
        show(seen)


def show(seen: Counter[Seen]) -> None:
    """For `pytest -rP`: how often each call was answered how."""
    print(f"{sum(seen.values())} answers compared")  # noqa: T201
    for (call, status, code), times in sorted(seen.items(), key=str):
        print(f"{times:6} {call} {status} {code or ''}")  # noqa: T201
