"""The documented behaviour, once more and small: no database, no hash, no second process, every rule in one place.

The state machine of `tests/attacks/test_model.py` drives the service beside it and compares. Times are whole seconds;
nothing here may be copied from the service, or the two would be wrong together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.keys import SoftwareKey
from tests.support.people import totp_code

NEVER = datetime.max.replace(tzinfo=UTC)
ABSENT = object()
"""Stands for a member that an answer must not have."""

_MOST_DEVICES = 3
_MOST_KEYS = 10
_PWD = ("pwd",)
_OTP = ("pwd", "otp", "mfa")
_POP = ("pwd", "pop", "mfa")
_ALONE = ("pop", "user", "mfa")
_RECOVERY = ("pwd", "recovery_code", "mfa")


@dataclass(frozen=True)
class Limits:
    """Section 10, smaller, so that a short walk meets each limit. With a reset that requires the
    second factor, disabling needs a code as well.
    """

    reset_policy: str = "clears_two_factor_later"
    session_idle: int = 3600
    session_max: int = 86400
    challenge: int = 300
    registration: int = 300
    enrollment: int = 600
    reset: int = 1800
    codes_per_challenge: int = 3
    codes_in_a_row: int = 5
    codes_lock: int = 900
    codes_until_reset: int = 12
    passwords: int = 4
    passwords_window: int = 300
    links_open: int = 2
    mails_an_hour: int = 4
    personal_tokens: int = 3
    grace: int = 600
    ticket: int = 600
    clearing: int = 1800
    pause: int = 3600
    address_link: int = 1500
    address_links_open: int = 2
    undo_link: int = 7200

    @property
    def careful(self) -> bool:
        return self.reset_policy == "requires_second_factor"

    @property
    def waits(self) -> bool:
        return self.reset_policy == "clears_two_factor_later"

    def as_settings(self) -> dict[str, str]:
        numbers = {
            "SESSION_IDLE_SECONDS": self.session_idle,
            "SESSION_MAX_SECONDS": self.session_max,
            "CHALLENGE_SECONDS": self.challenge,
            "ENROLLMENT_SECONDS": self.enrollment,
            "PASSWORD_RESET_SECONDS": self.reset,
            "WRONG_CODES_PER_CHALLENGE": self.codes_per_challenge,
            "WRONG_CODES_PER_ACCOUNT": self.codes_in_a_row,
            "WRONG_CODES_LOCK_SECONDS": self.codes_lock,
            "WRONG_CODES_UNTIL_RESET": self.codes_until_reset,
            "WRONG_PASSWORDS_PER_CLIENT": self.passwords,
            "WRONG_PASSWORDS_PER_CLIENT_SECONDS": self.passwords_window,
            "RESET_LINKS_OPEN": self.links_open,
            "RESET_MAILS_PER_HOUR": self.mails_an_hour,
            "PERSONAL_TOKENS_PER_ACCOUNT": self.personal_tokens,
            "TWO_FACTOR_GRACE_SECONDS": self.grace,
            "TWO_FACTOR_CLEARING_SECONDS": self.clearing,
            "TWO_FACTOR_CLEARING_PAUSE_SECONDS": self.pause,
            "EMAIL_CHANGE_SECONDS": self.address_link,
            "EMAIL_CHANGES_OPEN": self.address_links_open,
            "EMAIL_CHANGE_MAILS_PER_HOUR": self.mails_an_hour,
            "EMAIL_CHANGE_UNDO_SECONDS": self.undo_link,
            # These are not modelled, and out of reach; a fresh session counts as the code to disable.
            "FRESH_SECONDS": 31_000_000,
            "WRONG_PASSWORDS_PER_ACCOUNT": 100_000,
            "REQUESTS_PER_CLIENT_MINUTE": 100_000,
            "DISABLE_REQUIRES_CODE": str(self.careful).lower(),
            "PASSWORD_RESET_POLICY": self.reset_policy,
        }
        return {f"TWOKEYS_{name}": str(value) for name, value in numbers.items()}


@dataclass
class Token:
    kind: str
    epoch: int
    amr: tuple[str, ...]
    created: datetime
    expires: datetime | None
    max_age: int | None = None
    extends: bool = False
    used: datetime | None = None
    revoked: bool = False
    left_alone: bool = False
    """The checks after each act don't ask about it, since asking is a use: this one can grow idle."""
    id: str = ""
    secret: str = ""

    def end(self, idle: int) -> datetime:
        idle_end = (self.used or self.created) + timedelta(seconds=idle) if self.kind == "session" else NEVER
        return min(self.expires or NEVER, idle_end)

    def use(self, at: datetime) -> None:
        if self.used is not None and self.used >= at:
            return
        self.used = at
        if self.extends and self.max_age is not None:
            self.expires = at + timedelta(seconds=self.max_age)


@dataclass
class Challenge:
    epoch: int
    expires: datetime
    wrong: int = 0
    spent: bool = False
    secret: str = ""


@dataclass
class Link:
    epoch: int
    created: datetime
    expires: datetime
    spent: bool = False
    secret: str = ""


@dataclass
class Ticket:
    """Opens the enrollment that a policy requires, and nothing else."""

    epoch: int
    expires: datetime
    revoked: bool = False
    secret: str = ""


@dataclass(eq=False)
class Clearing:
    """A reset's wait; each link that was mailed ends this one alone."""

    clears_at: datetime


@dataclass
class CancelLink:
    clearing: Clearing
    secret: str = ""


@dataclass
class AddressLink:
    """To the mailbox of an address that the account wants. One for a taken address counts, and nobody gets it."""

    epoch: int
    to: str
    created: datetime
    expires: datetime
    sent: bool = False
    over: bool = False
    """Followed or cancelled."""
    secret: str = ""


@dataclass(eq=False)
class UndoLink:
    """Back to an address, and to the authenticators and recovery codes of that time."""

    epoch: int
    to: str
    authenticators: Sequence[str]
    recovery_codes: Sequence[str]
    expires: datetime
    over: bool = False
    secret: str = ""


@dataclass
class Device:
    """An authenticator app. Each accepts a step once, whatever the others did."""

    id: str
    secret: str
    last_step: int = -1


@dataclass
class Key:
    """A security key or passkey, and the last counter that was accepted from it."""

    held: SoftwareKey
    passkey: bool
    counter: int = 0
    id: str = ""

    def accepts(self, counter: int) -> bool:
        """A key that always says 0 has no counter."""
        if counter <= self.counter and (counter, self.counter) != (0, 0):
            return False
        self.counter = counter
        return True


@dataclass
class Registration:
    """Of a key, by the person of this epoch."""

    epoch: int
    expires: datetime
    passkey: bool
    spent: bool = False
    secret: str = ""
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Enrollment:
    """Of a first device, of one more, or of one in the place of another."""

    expires: datetime
    begun_by: Token | Ticket
    additional: bool = False
    replaces: Device | None = None
    id: str = ""
    secret: str = ""


@dataclass
class NewCodes:
    """Stands for the recovery codes of an answer."""


@dataclass(frozen=True)
class Expected:
    """What the service must answer. `members` is a part of its JSON; `opened` waits for its secret from there."""

    status: int
    code: str | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    opened: Token | Challenge | Ticket | Enrollment | Registration | CancelLink | UndoLink | NewCodes | None = None


_DEAD_TOKEN = Expected(401, "invalid_token")
_TOO_MANY = Expected(429, "too_many_attempts")
_WRONG_PASSWORD = Expected(403, "wrong_password")
_EXPIRED = Expected(401, "challenge_expired")
_NO_PROOF = Expected(401, "invalid_credential")
_DEAD_ADDRESS_LINK = Expected(410, "email_token_invalid")


def _step(at: datetime) -> int:
    return int(at.timestamp()) // 30


@dataclass
class Reference:
    """One account and everything that proves anything about it. Acts are named after the calls."""

    limits: Limits
    email: str
    password: str | None
    """None once a cancel link voided it."""
    id: str = ""
    epoch: int = 0
    active: bool = True
    tokens: list[Token] = field(default_factory=list)
    challenges: list[Challenge] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    pending: Enrollment | None = None
    tickets: list[Ticket] = field(default_factory=list)
    required: bool = False
    deadline: datetime | None = None
    clearing: Clearing | None = None
    paused_until: datetime | None = None
    cancel_links: list[CancelLink] = field(default_factory=list)
    address_links: list[AddressLink] = field(default_factory=list)
    undo_links: list[UndoLink] = field(default_factory=list)
    pending_address: AddressLink | None = None
    recovery_codes: list[str] = field(default_factory=list)
    codes_wrong: int = 0
    codes_locked_until: datetime | None = None
    passwords_wrong: list[datetime] = field(default_factory=list)
    old_secrets: list[str] = field(default_factory=list)
    old_codes: list[str] = field(default_factory=list)
    """Recovery codes that were spent or replaced, and the TOTP codes that were accepted."""
    lost_keys: list[Key] = field(default_factory=list)

    # What is true.

    def lives(self, token: Token, at: datetime) -> bool:
        return self.has_not_ended(token, at) and ("mfa" in token.amr or not self.overdue(at))

    def has_not_ended(self, token: Token, at: datetime) -> bool:
        """It may be suspended."""
        if token.revoked or token.epoch != self.epoch or not self.active:
            return False
        return at < token.end(self.limits.session_idle)

    def overdue(self, at: datetime) -> bool:
        return self.required and not self.has_2fa and self.deadline is not None and self.deadline <= at

    def live(self, at: datetime) -> list[Token]:
        return [token for token in self.tokens if self.lives(token, at)]

    def opens(self, challenge: Challenge, at: datetime) -> bool:
        spent = challenge.spent or challenge.wrong >= self.limits.codes_per_challenge
        return not spent and challenge.expires > at and challenge.epoch == self.epoch and self.active and self.has_2fa

    def leads_on(self, link: Link, at: datetime) -> bool:
        return not link.spent and link.expires > at and link.epoch == self.epoch and self.active

    def leads_to_address(self, link: AddressLink, at: datetime) -> bool:
        open_still = link.sent and not link.over and link.expires > at
        return open_still and link.epoch == self.epoch and self.active

    def leads_back(self, link: UndoLink, at: datetime) -> bool:
        return not link.over and link.expires > at and self.active

    @property
    def has_2fa(self) -> bool:
        return bool(self.devices or self.keys)

    @property
    def methods(self) -> list[str]:
        return ["totp"] * bool(self.devices) + ["webauthn"] * bool(self.keys)

    @property
    def authenticators(self) -> list[Device | Key]:
        return [*self.devices, *self.keys]

    def two_factor(self, at: datetime) -> dict[str, Any]:
        if self.has_2fa:
            left, clears_at = len(self.recovery_codes), self.clearing.clears_at if self.clearing else None
            state = {"status": "enabled", "recovery_codes_remaining": left, "clears_at": clears_at}
            return state | {"methods": self.methods, "required": self.required, "required_from": None}
        status = "pending" if self.pending and self._is_pending(self.pending, at) else "disabled"
        state = {"status": status, "recovery_codes_remaining": 0, "clears_at": None, "methods": []}
        return state | {"required": self.required, "required_from": self.deadline if self.required else None}

    def pending_email(self, at: datetime) -> str | None:
        wanted = self.pending_address
        return wanted.to if wanted and wanted.expires > at else None

    def _is_pending(self, found: Enrollment, at: datetime) -> bool:
        """It lives no longer than the session that began it."""
        return found.expires > at and not found.begun_by.revoked and found.begun_by.epoch == self.epoch

    def deadlines(self) -> Iterator[datetime]:
        """The seconds at which something ends; a clock that stands on one of them would leave it open."""
        window, hour = timedelta(seconds=self.limits.passwords_window), timedelta(hours=1)
        yield from (token.end(self.limits.session_idle) for token in self.tokens)
        yield from (challenge.expires for challenge in self.challenges)
        yield from (registration.expires for registration in self.registrations)
        yield from (ticket.expires for ticket in self.tickets)
        yield from (end for end in (self.deadline, self.paused_until) if end)
        if self.clearing:
            yield self.clearing.clears_at
        for link in self.links:
            yield link.expires
            yield link.created + hour
            yield link.created + timedelta(minutes=1)
        for wanted in self.address_links:
            yield wanted.expires
            yield wanted.created + hour
        yield from (link.expires for link in self.undo_links)
        yield from (moment + window for moment in self.passwords_wrong)
        if self.pending:
            yield self.pending.expires
        if self.codes_locked_until:
            yield self.codes_locked_until

    # Proofs.

    def _password_is(self, password: str, at: datetime) -> bool | None:
        """None where nobody looks any more."""
        since = at - timedelta(seconds=self.limits.passwords_window)
        recent = [moment for moment in self.passwords_wrong if moment > since]
        if len(recent) >= self.limits.passwords:
            return None
        right = password == self.password and self.active
        self.passwords_wrong = recent if right else [*recent, at]
        return right

    def _count_code(self, at: datetime) -> int | None:
        """None where nobody looks any more."""
        if self.codes_locked_until and self.codes_locked_until > at:
            return None
        self.codes_wrong += 1
        self.codes_locked_until = None
        if self.codes_wrong % self.limits.codes_in_a_row == 0:
            self.codes_locked_until = at + timedelta(seconds=self.limits.codes_lock)
        if self.codes_wrong >= self.limits.codes_until_reset:
            self.codes_locked_until = NEVER
        return self.codes_wrong

    def _left(self, counted: int) -> int:
        to_the_lock = -counted % self.limits.codes_in_a_row
        return min(to_the_lock, max(0, self.limits.codes_until_reset - counted))

    def _forgive_codes(self) -> None:
        self.codes_wrong, self.codes_locked_until = 0, None

    def _spend(self, code: str, at: datetime) -> tuple[str, ...] | None:
        """What the code proves, and it proves it once. Whoever has the factor needs no clearing."""
        if len(code) == 6:
            spent = any(self._spend_step(device, code, at) for device in self.devices)
        else:
            spent = self._spend_recovery_code(code)
        if not spent:
            return None
        self.clearing = None
        return _OTP if len(code) == 6 else _RECOVERY

    def _spend_recovery_code(self, code: str) -> bool:
        mine = self._recovery_code(code)
        if mine is None:
            return False
        self.recovery_codes.remove(mine)
        self.old_codes.append(mine)
        self._forgive_codes()
        return True

    def _recovery_code(self, code: str) -> str | None:
        plain = code.replace("-", "").upper()
        return next((mine for mine in self.recovery_codes if mine.replace("-", "") == plain), None)

    def _spend_step(self, device: Device, code: str, at: datetime) -> bool:
        step = self._fresh_step(device, code, at)
        if step is None:
            return False
        device.last_step = step
        self.old_codes.append(code)
        self._forgive_codes()
        return True

    @staticmethod
    def _fresh_step(device: Device, code: str, at: datetime) -> int | None:
        steps = [_step(at) + off for off in (-1, 0, 1) if totp_code(device.secret, at, steps=off) == code]
        return max((step for step in steps if step > device.last_step), default=None)

    def _would_spend(self, code: str, at: datetime) -> bool:
        if len(code) == 6:
            return any(self._fresh_step(device, code, at) is not None for device in self.devices)
        return self._recovery_code(code) is not None

    def _prove_code(self, code: str, at: datetime, status: int) -> tuple[str, ...] | Expected:
        counted = self._count_code(at)
        if counted is None:
            return _TOO_MANY
        return self._spend(code, at) or Expected(status, "invalid_code", {"attempts_remaining": self._left(counted)})

    # What follows from a change.

    def _turn(self, at: datetime) -> dict[str, int]:
        """Everything older dies; how many tokens that were."""
        died = [token.kind for token in self.live(at)]
        self.epoch += 1
        self.pending_address = None
        return {"sessions": died.count("session"), "personal_tokens": died.count("personal")}

    def _session(self, amr: tuple[str, ...], at: datetime) -> Token:
        expires = at + timedelta(seconds=self.limits.session_max)
        token = Token("session", self.epoch, amr, at, expires, left_alone=len(self.tokens) % 3 == 2)
        self.tokens.append(token)
        return token

    def _granted(self, amr: tuple[str, ...], at: datetime) -> Expected:
        grant = self._grant(token := self._session(amr, at), at)
        return Expected(200, members=grant, opened=token)

    def _grant(self, token: Token, at: datetime) -> dict[str, Any]:
        account = {"id": self.id, "email": self.email, "status": "active", "two_factor": self.two_factor(at)}
        about = {"kind": "session", "amr": list(token.amr), "current": True}
        return {"status": "authenticated", "account": account, "token": about, "expires_in": self.limits.session_max}

    def _drop_pending(self) -> None:
        if self.pending:
            self.old_secrets.append(self.pending.secret)
        self.pending = None

    def _end_grace(self, at: datetime) -> None:
        """It had a second factor, and is overdue at once if it must have one."""
        if self.required:
            self.deadline = min(self.deadline or NEVER, at)

    def _grant_deadline(self, at: datetime) -> None:
        """Once."""
        if self.required and not self.has_2fa:
            self.deadline = self.deadline or at + timedelta(seconds=self.limits.grace)

    def _turn_off(self, at: datetime) -> None:
        self._drop_pending()
        self.old_secrets.extend(device.secret for device in self.devices)
        self.old_codes.extend(self.recovery_codes)
        if self.has_2fa:
            self._end_grace(at)
        self.clearing = None
        self.lost_keys.extend(self.keys)
        self.devices, self.keys, self.recovery_codes = [], [], []

    def _as_session(self, token: Token, at: datetime) -> Expected | None:
        """What a caller without a live session is told."""
        if not self.lives(token, at):
            return _DEAD_TOKEN
        token.use(at)
        return None if token.kind == "session" else Expected(403, "session_required")

    # Calls.

    def log_in(self, password: str, code: str | None, at: datetime) -> Expected:
        right = self._password_is(password, at)
        if right is None:
            return _TOO_MANY
        if not right:
            return Expected(401, "invalid_credentials")
        if self.has_2fa and self.clearing and self.clearing.clears_at <= at:
            self._turn(at)
            self._turn_off(at)
            self._forgive_codes()
        if not self.has_2fa:
            self._grant_deadline(at)
            return self._ticket(at) if self.overdue(at) else self._granted(_PWD, at)
        if code is None:
            challenge = Challenge(self.epoch, at + timedelta(seconds=self.limits.challenge))
            self.challenges.append(challenge)
            methods = [*self.methods, *["recovery_code"] * bool(self.recovery_codes)]
            clears_at = self.clearing.clears_at if self.clearing else ABSENT
            members = {"status": "two_factor_required", "methods": methods, "clears_at": clears_at}
            return Expected(200, members=members | {"expires_in": 300}, opened=challenge)
        proved = self._prove_code(code, at, 401)
        return proved if isinstance(proved, Expected) else self._granted(proved, at)

    def prove(self, challenge: Challenge, code: str, at: datetime) -> Expected:
        if not self.opens(challenge, at):
            return _EXPIRED
        counted = self._count_code(at)
        if counted is None:
            return _TOO_MANY
        challenge.wrong += 1
        amr = self._spend(code, at)
        if amr is not None:
            challenge.spent = True
            return self._granted(amr, at)
        left = self.limits.codes_per_challenge - challenge.wrong
        if left == 0:
            return _EXPIRED
        return Expected(401, "invalid_code", {"attempts_remaining": min(left, self._left(counted))})

    def _ticket(self, at: datetime) -> Expected:
        self.tickets.append(ticket := Ticket(self.epoch, at + timedelta(seconds=self.limits.ticket)))
        return Expected(200, members={"status": "enrollment_required", "expires_in": 600}, opened=ticket)

    def admits(self, ticket: Ticket, at: datetime) -> bool:
        return not ticket.revoked and ticket.expires > at and ticket.epoch == self.epoch and self.active

    def begin_by_ticket(self, ticket: Ticket, at: datetime) -> Expected:
        if not self.admits(ticket, at):
            return Expected(401, "ticket_expired")
        self._drop_pending()
        self.pending = Enrollment(at + timedelta(seconds=self.limits.enrollment), ticket)
        return Expected(201, opened=self.pending)

    def confirm_by_ticket(self, ticket: Ticket, code: str, at: datetime) -> Expected:
        if not self.admits(ticket, at):
            return Expected(401, "ticket_expired")
        refused, found, device = self._match_pending(ticket, code, at)
        if refused:
            return refused
        ticket.revoked = True
        return self._confirmed(found, device, None, at)

    def key_options(self, challenge: Challenge, at: datetime) -> Expected:
        if not self.opens(challenge, at):
            return _EXPIRED
        return Expected(200) if self.keys else Expected(409, "method_not_available")

    def prove_by_key(self, challenge: Challenge, key: Key, counter: int, at: datetime) -> Expected:
        """It counts on the challenge and not on the account. `key` may be anybody's."""
        if not self.opens(challenge, at):
            return _EXPIRED
        challenge.wrong += 1
        if key in self.keys and key.accepts(counter):
            challenge.spent = True
            self.clearing = None
            return self._granted(_POP, at)
        left = self.limits.codes_per_challenge - challenge.wrong
        return Expected(401, "invalid_credential", {"attempts_remaining": left}) if left else _EXPIRED

    def log_in_by_passkey(self, key: Key, counter: int, at: datetime, *, verified: bool) -> Expected:
        known = key in self.keys and key.passkey and self.active
        if not (known and verified and key.accepts(counter)):
            return _NO_PROOF
        self.clearing = None
        return self._granted(_ALONE, at)

    def log_out(self, token: Token, at: datetime) -> Expected:
        if not self.lives(token, at):
            return _DEAD_TOKEN
        token.revoked = True
        return Expected(204)

    def begin(
        self, token: Token, password: str, at: datetime, *, additional: bool = False, replaces: str | None = None
    ) -> Expected:
        """`replaces` is the id of a device, which may be anybody's."""
        if refused := self._as_session(token, at):
            return refused
        beside = additional or replaces is not None
        if beside and not self.has_2fa:
            return Expected(422, "invalid_request")
        right = self._password_is(password, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        replaced = next((device for device in self.devices if device.id == replaces), None)
        if replaces is not None and replaced is None:
            return Expected(404, "not_found")
        if additional and len(self.devices) >= _MOST_DEVICES:
            return Expected(409, "authenticator_limit_reached")
        if not beside and self.has_2fa:
            return Expected(409, "two_factor_already_enabled")
        self._drop_pending()
        self.pending = Enrollment(at + timedelta(seconds=self.limits.enrollment), token, additional, replaced)
        return Expected(201, opened=self.pending)

    def cancel(self, token: Token, at: datetime) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        if self.pending and self.pending.begun_by is token:
            self._drop_pending()
        return Expected(204)

    def confirm(self, token: Token, code: str, at: datetime) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        refused, found, device = self._match_pending(token, code, at)
        return refused or self._confirmed(found, device, token, at)

    def _match_pending(self, by: Token | Ticket, code: str, at: datetime) -> tuple[Expected | None, Enrollment, Device]:
        """A refusal, or what is confirmed."""
        found = self.pending or Enrollment(at, by)
        device = Device(found.id, found.secret)
        if self.pending is None or found.begun_by is not by:
            return Expected(409, "no_pending_enrollment"), found, device
        if found.expires <= at:
            return Expected(410, "enrollment_expired"), found, device
        counted = self._count_code(at)
        if counted is None:
            return _TOO_MANY, found, device
        if self._spend_step(device, code, at):
            return None, found, device
        skew = self._skew(found, code, at)
        members = {
            "attempts_remaining": self._left(counted),
            "clock_skew_seconds": ABSENT if skew is None else skew,
        }
        return Expected(403, "invalid_code", members), found, device

    def _confirmed(self, found: Enrollment, device: Device, token: Token | None, at: datetime) -> Expected:
        """A further device ends the calling session alone; a first one and a replacement end everything."""
        self.pending = None
        revoked = self._end_for(token, at, further=found.additional)
        if found.replaces:
            self.devices.remove(found.replaces)
            self.old_secrets.append(found.replaces.secret)
        self.devices.append(device)
        return self._added(_OTP, revoked, at)

    def _end_for(self, token: Token | None, at: datetime, *, further: bool) -> dict[str, int]:
        """Before an authenticator comes; the first one brings recovery codes."""
        if not self.has_2fa:
            self.recovery_codes = [""] * 10
        if token is None or not further:
            return self._turn(at)
        token.revoked = True
        return {"sessions": 1, "personal_tokens": 0}

    def _added(self, amr: tuple[str, ...], revoked: dict[str, int], at: datetime) -> Expected:
        fresh = self._session(amr, at)
        members = {"two_factor": self.two_factor(at), "revoked": revoked, "grant": self._grant(fresh, at)}
        return Expected(200, members=members, opened=fresh)

    def begin_key(self, token: Token, password: str, at: datetime, *, passkey: bool) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        right = self._password_is(password, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        if len(self.keys) >= _MOST_KEYS:
            return Expected(409, "authenticator_limit_reached")
        expires = at + timedelta(seconds=self.limits.registration)
        self.registrations.append(begun := Registration(self.epoch, expires, passkey))
        return Expected(201, opened=begun)

    def register(self, token: Token, begun: Registration, key: Key, at: datetime, *, known: bool) -> Expected:
        """`begun` may be anybody's; `known` says that some account has the key already."""
        if refused := self._as_session(token, at):
            return refused
        if begun not in self.registrations or begun.spent or begun.expires <= at or begun.epoch != self.epoch:
            return Expected(410, "registration_expired")
        begun.spent = True
        if begun.passkey and not key.held.verifies_user:
            return Expected(403, "invalid_credential")
        if len(self.keys) >= _MOST_KEYS:
            return Expected(409, "authenticator_limit_reached")
        if known:
            return Expected(409, "authenticator_exists")
        key.passkey = begun.passkey
        first = not self.has_2fa
        revoked = self._end_for(token, at, further=not first)
        if first:
            self._drop_pending()
            self._forgive_codes()
        self.keys.append(key)
        return self._added(_POP, revoked, at)

    @staticmethod
    def _skew(found: Enrollment, code: str, at: datetime) -> int | None:
        if len(code) != 6:
            return None
        offs = [off for off in range(-10, 11) if totp_code(found.secret, at, steps=off) == code]
        return max(offs) * 30 if offs and abs(max(offs)) > 1 else None

    def remove(self, token: Token, password: str, id: str, at: datetime) -> Expected:
        """`id` is that of an authenticator, which may be anybody's."""
        if refused := self._as_session(token, at):
            return refused
        right = self._password_is(password, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        if refused := self._take_away(id):
            return refused
        return self._added(token.amr, self._turn(at), at)

    def _take_away(self, id: str) -> Expected | None:
        found = next((each for each in self.authenticators if each.id == id), None)
        if found is None:
            return Expected(404, "not_found")
        if len(self.authenticators) == 1:
            return Expected(409, "last_authenticator")
        self._drop_pending()
        if isinstance(found, Key):
            self.keys.remove(found)
            self.lost_keys.append(found)
        else:
            self.devices.remove(found)
            self.old_secrets.append(found.secret)
        return None

    def disable(self, token: Token, password: str, code: str | None, at: datetime) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        right = self._password_is(password, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        if self.required and not (self.has_2fa and code):
            return Expected(409, "two_factor_required_by_policy")
        if not self.has_2fa:
            return Expected(409, "two_factor_not_enabled")
        if self.required and code and self._would_spend(code, at):
            # The attempt is counted, and nothing spent.
            return _TOO_MANY if self._count_code(at) is None else Expected(409, "two_factor_required_by_policy")
        if code is not None:
            proved = self._prove_code(code, at, 403)
            if isinstance(proved, Expected):
                return proved
        revoked = self._turn(at)
        self._turn_off(at)
        fresh = self._session(_PWD, at)
        members = {"two_factor": self.two_factor(at), "revoked": revoked, "grant": self._grant(fresh, at)}
        return Expected(200, members=members, opened=fresh)

    def replace_codes(self, token: Token, password: str, at: datetime) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        right = self._password_is(password, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        if not self.has_2fa:
            return Expected(409, "two_factor_not_enabled")
        self.old_codes.extend(self.recovery_codes)
        return Expected(201, opened=NewCodes())

    def change_password(self, token: Token, current: str, new: str, at: datetime, *, weak: bool) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        right = self._password_is(current, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        if weak or new == self.password:
            return Expected(422, "weak_password")
        revoked = self._turn(at)
        self.password = new
        self._drop_pending()
        fresh = self._session(token.amr, at)
        return Expected(200, members={"revoked": revoked, "grant": self._grant(fresh, at)}, opened=fresh)

    def ask_for_link(self, at: datetime) -> Link | None:
        """The answer tells nothing; a link is in the mail, or not."""
        still_open = [link for link in self.links if self.leads_on(link, at)]
        useful = [link for link in self.links if link.spent or link.epoch == self.epoch]
        of_the_hour = [link for link in useful if link.created > at - timedelta(hours=1)]
        just_now = [link for link in self.links if link.created > at - timedelta(minutes=1)]
        most = self.limits.mails_an_hour
        full = len(still_open) >= self.limits.links_open or len(of_the_hour) >= most or len(just_now) >= most
        if full or not self.active:
            return None
        link = Link(self.epoch, at, at + timedelta(seconds=self.limits.reset))
        self.links.append(link)
        return link

    def follow(self, link: Link, new: str, code: str | None, at: datetime, *, weak: bool) -> Expected:
        if not self.leads_on(link, at):
            return Expected(410, "reset_token_invalid")
        if weak or new == self.password:
            return Expected(422, "weak_password")
        proved = None
        if self.has_2fa and (self.limits.careful or (self.limits.waits and code is not None)):
            if code is None:
                return Expected(403, "second_factor_required")
            proved = self._prove_code(code, at, 403)
            if isinstance(proved, Expected):
                return proved
        revoked = self._turn(at)
        link.spent = True
        self.password = new
        self.passwords_wrong = []
        self._drop_pending()
        if proved is None and self.limits.waits and self.has_2fa:
            return self._wait(revoked, at)
        self._forgive_codes()
        outcome = "kept" if proved else "disabled" if self.has_2fa else "not_enabled"
        if proved is None:
            self._turn_off(at)
        return Expected(200, members={"two_factor": outcome, "clears_at": ABSENT, "revoked": revoked})

    def _wait(self, revoked: dict[str, int], at: datetime) -> Expected:
        """One that runs goes on; none begins in the pause. A lock by wrong codes stays."""
        paused = self.paused_until is not None and self.paused_until > at
        if self.clearing is None and paused:
            return Expected(200, members={"two_factor": "kept", "clears_at": ABSENT, "revoked": revoked})
        self.clearing = self.clearing or Clearing(at + timedelta(seconds=self.limits.clearing))
        self.cancel_links.append(link := CancelLink(self.clearing))
        members = {"two_factor": "clearing", "clears_at": self.clearing.clears_at, "revoked": revoked}
        return Expected(200, members=members, opened=link)

    def cancel_by_link(self, link: CancelLink, at: datetime) -> Expected:
        if link.clearing is not self.clearing:
            return Expected(410, "cancel_link_invalid")
        self._turn(at)
        self.clearing, self.password = None, None
        self.paused_until = at + timedelta(seconds=self.limits.pause)
        return Expected(200, members={"two_factor": "kept"})

    def ask_for_address(self, token: Token, to: str, password: str, at: datetime) -> Expected:
        """The same answer whether a mail goes out or not; who has the address is not asked."""
        if refused := self._as_session(token, at):
            return refused
        right = self._password_is(password, at)
        if not right:
            return _TOO_MANY if right is None else _WRONG_PASSWORD
        still_open = [link for link in self.address_links if self.leads_to_address(link, at)]
        of_the_hour = [link for link in self.address_links if link.sent and link.created > at - timedelta(hours=1)]
        sent = len(still_open) < self.limits.address_links_open and len(of_the_hour) < self.limits.mails_an_hour
        wanted = AddressLink(self.epoch, to, at, at + timedelta(seconds=self.limits.address_link), sent, over=not sent)
        self.address_links.append(wanted)
        self.pending_address = wanted
        return Expected(202, members={"pending_email": to, "expires_at": wanted.expires})

    def cancel_address(self, token: Token, at: datetime) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        self.pending_address = None
        for link in self.address_links:
            link.over = link.over or link.expires > at
        return Expected(204)

    def follow_to_address(self, link: AddressLink, at: datetime, *, taken: bool) -> Expected:
        if taken or not self.leads_to_address(link, at):
            return _DEAD_ADDRESS_LINK
        link.over = True
        revoked = self._turn(at)
        return Expected(200, members={"email": link.to, "revoked": revoked}, opened=self._move(link.to, at))

    def _move(self, to: str, at: datetime) -> UndoLink:
        """After everything that led here is dead."""
        ids, expires = [each.id for each in self.authenticators], at + timedelta(seconds=self.limits.undo_link)
        self.undo_links.append(back := UndoLink(self.epoch, self.email, ids, list(self.recovery_codes), expires))
        self._set_address(to)
        return back

    def _set_address(self, to: str) -> None:
        """What was guessed counts at the address where it was guessed."""
        if to != self.email:
            self.passwords_wrong = []
        self.email = to

    def undo(self, link: UndoLink, at: datetime, *, taken: bool) -> Expected:
        """2FA stays as it was then, less what is gone since; what came since is gone, and so is the password."""
        if taken or not self.leads_back(link, at):
            return _DEAD_ADDRESS_LINK
        self._turn(at)
        link.over = True
        for later in self.undo_links:
            later.over = later.over or later.epoch > link.epoch
        self._set_address(link.to)
        self.passwords_wrong, self.password, self.clearing = [], None, None
        since = [each for each in self.authenticators if each.id not in link.authenticators]
        if len(since) == len(self.authenticators):
            self._turn_off(at)
            return Expected(200, members={"email": link.to})
        for each in since:
            self._take_away(each.id)
        self.old_codes.extend(code for code in self.recovery_codes if code not in link.recovery_codes)
        self.recovery_codes = [code for code in self.recovery_codes if code in link.recovery_codes]
        return Expected(200, members={"email": link.to})

    def create_token(self, token: Token, max_age: int | None, at: datetime, *, extends: bool) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        if sum(one.kind == "personal" for one in self.live(at)) >= self.limits.personal_tokens:
            return Expected(409, "token_limit_reached")
        expires = at + timedelta(seconds=max_age) if max_age else None
        alone = len(self.tokens) % 3 == 2
        made = Token("personal", self.epoch, token.amr, at, expires, max_age, extends, left_alone=alone)
        self.tokens.append(made)
        about = {"kind": "personal", "amr": list(token.amr), "extend_when_used": extends}
        return Expected(201, members={"token": about}, opened=made)

    def revoke(self, token: Token, other: Token, at: datetime) -> Expected:
        """`other` may be anybody's: only one's own live ones are found."""
        if refused := self._as_session(token, at):
            return refused
        if other not in self.tokens or not self.lives(other, at):
            return Expected(404, "not_found")
        other.revoked = True
        return Expected(204)

    def revoke_presented(self, token: Token, at: datetime) -> Expected:
        """RFC 7009: 200 for whatever it was."""
        token.revoked = token.revoked or self.has_not_ended(token, at)
        return Expected(200)

    def revoke_all(self, token: Token, at: datetime, *, keep_current: bool) -> Expected:
        if refused := self._as_session(token, at):
            return refused
        if not keep_current:
            return Expected(200, members={"revoked": self._turn(at)})
        others = [one for one in self.live(at) if one is not token]
        kinds = [one.kind for one in others]
        for one in others:
            one.revoked = True
        revoked = {"sessions": kinds.count("session"), "personal_tokens": kinds.count("personal")}
        return Expected(200, members={"revoked": revoked})

    def look(self, token: Token, at: datetime) -> Expected:
        if not self.lives(token, at):
            return _DEAD_TOKEN
        token.use(at)
        members = {"id": self.id, "status": "active", "two_factor": self.two_factor(at), "email": self.email}
        return Expected(200, members=members | {"pending_email": self.pending_email(at)})

    # An operator's acts.

    def set_active(self, at: datetime, *, active: bool) -> Expected:
        if self.active and not active:
            self._turn(at)
        self.active = active
        return Expected(200, members={"id": self.id, "status": "active" if active else "disabled"})

    def operator_resets(self, at: datetime) -> Expected:
        revoked = self._turn(at)
        self._turn_off(at)
        self._forgive_codes()
        return Expected(200, members={"two_factor": self.two_factor(at), "revoked": revoked})

    def operator_removes(self, id: str, at: datetime) -> Expected:
        if refused := self._take_away(id):
            return refused
        revoked = self._turn(at)
        return Expected(200, members={"two_factor": self.two_factor(at), "revoked": revoked})

    def operator_cancels(self, at: datetime) -> Expected:
        if self.clearing is None:
            return Expected(409, "nothing_to_cancel")
        self.clearing = None
        return Expected(200, members={"two_factor": self.two_factor(at)})

    def operator_moves(self, to: str, at: datetime, *, taken: bool) -> Expected:
        if to == self.email:
            return Expected(200, members={"email": to})
        if taken:
            return Expected(409, "email_taken")
        self._turn(at)
        return Expected(200, members={"email": to}, opened=self._move(to, at))

    def set_required(self, at: datetime, *, required: bool) -> Expected:
        self.required = required
        self._grant_deadline(at)
        return Expected(200, members={"two_factor": self.two_factor(at)})

    def operator_revokes(self, at: datetime) -> Expected:
        return Expected(200, members={"revoked": self._turn(at)})
