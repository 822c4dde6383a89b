"""Counting: requests by network, wrong passwords by account and network, wrong passwords by account in a row.

Every count is taken by one committed statement before the secret is looked at, and given back when it was right. An
address without an account is counted in just the same way, so the counts tell nobody which addresses have one.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from app.accounts.attempts.domain import Attempt, attempt_at, subject_of
from app.accounts.attempts.in_flight import InFlight
from app.accounts.attempts.repository import (
    BEGINNING,
    FORGET,
    FORGIVE,
    KNOW_AS,
    NOTE_LOGIN,
    NOTE_PASSWORD,
    OLDEST_REQUEST,
    PASSWORD_WAIT,
    SWEEP_ATTEMPTS,
    SWEEP_KNOWN,
    SWEEP_REQUESTS,
    SWEEP_STREAKS,
    TAKE_LOGIN,
    TAKE_PASSWORD,
    TAKE_REQUEST,
    UNLOCK,
    Position,
)
from app.accounts.domain import Account, EnrollmentPolicy
from app.accounts.tables import account_of, overdue, unchanged
from app.database.engine import Connection, Database
from app.kernel.refusal import RateLimited, TooManyAttempts
from app.kernel.request_context import RequestContext
from app.kernel.secret import fingerprint

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_SWEPT_AT_ONCE = 2000
_BATCHES_A_ROUND = 50


def _seconds_until(moment: datetime | None, at: datetime) -> int:
    return ceil((moment - at).total_seconds()) if moment else 1


@dataclass(frozen=True)
class Attempts:
    database: Database
    requests_per_minute: int
    most_per_network: int
    window: timedelta
    most_in_a_row: int
    lock: timedelta
    longest_lock: timedelta
    known_for: timedelta
    in_flight: InFlight = field(default_factory=InFlight)
    swept: dict[str, Position] = field(default_factory=dict)
    """Where the next sweep of each table goes on."""

    async def take_request(self, context: RequestContext, *, budget: str = "request") -> None:
        """Raises RateLimited when this network has sent too many requests of this budget within a minute."""
        params = self._request(context, budget)
        async with self.database.autocommit() as connection:
            if await TAKE_REQUEST.first(connection, params) is not None:
                return
            raise await self._rate_limited(connection, params, context.at)

    def track(self, folded_address: str, context: RequestContext) -> AbstractContextManager[None]:
        """Around an attempt, from before it is counted until it is decided: others wait for it before a refusal."""
        return self.in_flight.track((subject_of(folded_address), context.requester.network))

    async def take_password(self, folded_address: str, context: RequestContext) -> Attempt:
        """Counts an attempt as wrong until it is forgiven. Waits for those in flight. Raises TooManyAttempts."""
        attempt = self._attempt(folded_address, context)
        params = self._password(attempt)
        while True:
            async with self.database.autocommit() as connection:
                (counted,) = await TAKE_PASSWORD.all(connection, params)
                if counted.password_counted:
                    return attempt
            if not await self.in_flight.another_ended((attempt.subject, context.requester.network)):
                async with self.database.autocommit() as connection:
                    raise await self._too_many(connection, params, context.at)

    async def take_login(self, folded_address: str, context: RequestContext) -> Attempt:
        """`take_request` and then `take_password`, by one statement. Raises RateLimited, TooManyAttempts."""
        attempt = self._attempt(folded_address, context)
        params = self._request(context) | self._password(attempt)
        async with self.database.autocommit() as connection:
            (counted,) = await TAKE_LOGIN.all(connection, params)
            if counted.password_counted:
                return attempt
        if counted.request_counted:
            return await self.take_password(folded_address, context)
        async with self.database.autocommit() as connection:
            raise await self._rate_limited(connection, params, context.at)

    def _attempt(self, folded_address: str, context: RequestContext) -> Attempt:
        return attempt_at(folded_address, context, longest=self.most_in_a_row)

    def _request(self, context: RequestContext, budget: str = "request") -> dict[str, object]:
        return {
            "asker": fingerprint(budget, context.requester.network),
            "at": context.at,
            "minute_ago": context.at - _MINUTE,
            "requests": self.requests_per_minute,
        }

    def _password(self, attempt: Attempt) -> dict[str, object]:
        return {
            "subject": attempt.subject,
            "network": attempt.network,
            "at": attempt.at,
            "since": attempt.at - self.window,
            "most": self.most_per_network,
            "longest": self.most_in_a_row,
            "lock": self.lock.total_seconds(),
            "lock_most": self.longest_lock.total_seconds(),
            "known_since": attempt.at - self.known_for,
            "day_ago": attempt.at - _DAY,
        }

    async def _rate_limited(self, connection: Connection, params: dict[str, object], at: datetime) -> RateLimited:
        oldest = await connection.scalar(OLDEST_REQUEST, params)
        return RateLimited(retry_after=_seconds_until(oldest + _MINUTE if oldest else None, at))

    async def _too_many(self, connection: Connection, params: dict[str, object], at: datetime) -> TooManyAttempts:
        window = {"window": self.window.total_seconds()}
        free_at = await connection.scalar(PASSWORD_WAIT, params | window)
        return TooManyAttempts(retry_after=_seconds_until(free_at, at))

    async def forgive(self, connection: Connection, attempt: Attempt) -> None:
        """The password was right: nothing was guessed here, and no streak goes on."""
        await FORGIVE.all(connection, vars(attempt))

    async def note_login(
        self, connection: Connection, account: Account, attempt: Attempt, locale: str | None
    ) -> tuple[Account, bool] | None:
        """When and from where: for a month no stranger can shut this network out of this account.

        Also returns whether the network was known before.

        At the first log-in an account without a locale takes this one.
        Locks the account while it is as it was read; None where it is no longer so.
        """
        params = unchanged(account.id, account.epoch) | vars(attempt) | self._known(attempt) | {"locale": locale}
        row = await NOTE_LOGIN.first(connection, params)
        return (account_of(row), row.was_known) if row else None

    async def note_password(
        self,
        connection: Connection,
        account: Account,
        attempt: Attempt,
        locale: str | None,
        policy: EnrollmentPolicy,
    ) -> tuple[Account, bool, bool] | None:
        """As `note_login`, by the password alone, which is forgiven: nothing was guessed, and no streak goes on.

        One that must enroll a second factor is granted its deadline. Also whether the network was known before, and
        whether the deadline is over: then it is not logged in.
        """
        params = unchanged(account.id, account.epoch) | overdue(policy, attempt.at) | vars(attempt)
        row = await NOTE_PASSWORD.first(connection, params | self._known(attempt) | {"locale": locale})
        return (account_of(row), row.was_known, row.is_overdue) if row else None

    def _known(self, attempt: Attempt) -> dict[str, object]:
        return {"known_since": attempt.at - self.known_for}

    async def unlock(self, connection: Connection, folded_address: str) -> None:
        """A new password: what was guessed at the old one no longer counts."""
        await connection.execute(UNLOCK, {"subject": subject_of(folded_address)})

    async def forget(self, connection: Connection, folded_address: str) -> None:
        await connection.execute(FORGET, {"subject": subject_of(folded_address)})

    async def move(self, connection: Connection, old_address: str, new_address: str) -> None:
        """The account has another address: the networks that it is known by stay known, and nothing else counts."""
        subject, new = subject_of(old_address), subject_of(new_address)
        if subject == new:
            return
        await connection.execute(FORGET, {"subject": new})
        await connection.execute(KNOW_AS, {"subject": subject, "new": new})
        await connection.execute(FORGET, {"subject": subject})

    async def sweep(self, connection: Connection, at: datetime) -> None:
        """Removes counts that no longer matter: a part of each table, going on where the last round ended."""
        for sweep, since in (
            (SWEEP_REQUESTS, at - _MINUTE),
            (SWEEP_ATTEMPTS, at - self.window),
            (SWEEP_STREAKS, at - _DAY),
            (SWEEP_KNOWN, at - self.known_for),
        ):
            for _ in range(_BATCHES_A_ROUND):
                position = self.swept.get(sweep.table, BEGINNING)
                position = await sweep.run(connection, position, since, most=_SWEPT_AT_ONCE)
                self.swept[sweep.table] = position
                if position == BEGINNING:
                    break
