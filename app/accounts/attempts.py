"""Counting: requests by client, wrong passwords by account and client, wrong passwords by account in a row.

Every count is taken by one committed statement before the secret is looked at, and given back when it was right. An
address without an account is counted in just the same way, so the counts tell nobody which addresses have one.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import (
    ARRAY,
    CTE,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from app.accounts.under_way import UnderWay
from app.infrastructure.database import Connection, Database, metadata
from app.infrastructure.prepared import Prepared
from app.infrastructure.settings import Settings
from app.kernel.origin import Origin
from app.kernel.refusal import RateLimited, TooManyAttempts
from app.kernel.secret import fingerprint

_MOMENT = DateTime(timezone=True)
_MINUTE = timedelta(minutes=1)

client_requests = Table(
    "client_requests",
    metadata,
    Column("client", LargeBinary, primary_key=True),
    Column("asked_at", ARRAY(_MOMENT), nullable=False),
)
password_attempts = Table(
    "password_attempts",
    metadata,
    Column("subject", LargeBinary, nullable=False),
    Column("client", LargeBinary, nullable=False),
    Column("wrong_at", ARRAY(_MOMENT), nullable=False),
    PrimaryKeyConstraint("subject", "client"),
)
password_streaks = Table(
    "password_streaks",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("in_a_row", Integer, nullable=False),
    Column("last_at", _MOMENT, nullable=False),
    Column("locked_until", _MOMENT),
)
known_clients = Table(
    "known_clients",
    metadata,
    Column("subject", LargeBinary, nullable=False),
    Column("client", LargeBinary, nullable=False),
    Column("last_login_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("subject", "client"),
)

# An array of moments is an exact sliding window: never more than the limit within any stretch of that length.
_TAKEN_REQUEST = """
    INSERT INTO client_requests AS r (client, asked_at) VALUES (:asker, ARRAY[CAST(:at AS timestamptz)])
    ON CONFLICT (client) DO UPDATE SET asked_at =
        ARRAY(SELECT m FROM unnest(r.asked_at) AS m WHERE m > :minute_ago) || CAST(:at AS timestamptz)
    WHERE (SELECT count(*) FROM unnest(r.asked_at) AS m WHERE m > :minute_ago) < :requests
    RETURNING 1
"""
_TAKE_REQUEST = Prepared(_TAKEN_REQUEST)
_OLDEST_REQUEST = text(
    "SELECT min(m) FROM client_requests, unnest(asked_at) AS m WHERE client = :asker AND m > :minute_ago"
)

# Wherever several of these tables are written by one statement, password_attempts come first (a WITH that nothing reads
# from runs after the statement it stands before), so that no two of them deadlock.
#
# The streak is counted only where the client's own budget allowed the look, so that one client's refused attempts do
# not shut out others. A client that has logged in before is let through a lock that strangers caused.
_TAKEN_PASSWORD = """
    budget AS (
        INSERT INTO password_attempts AS p (subject, client, wrong_at)
        SELECT :subject, :client, ARRAY[CAST(:at AS timestamptz)] FROM allowed
        ON CONFLICT (subject, client) DO UPDATE SET wrong_at =
            ARRAY(SELECT m FROM unnest(p.wrong_at) AS m WHERE m > :since) || CAST(:at AS timestamptz)
        WHERE (SELECT count(*) FROM unnest(p.wrong_at) AS m WHERE m > :since) < :most
        RETURNING 1
    ), streak AS (
        INSERT INTO password_streaks AS s (subject, in_a_row, last_at) SELECT :subject, 1, :at FROM budget
        ON CONFLICT (subject) DO UPDATE SET
            in_a_row = s.in_a_row + 1,
            last_at = :at,
            locked_until = CASE WHEN s.in_a_row + 1 >= :longest THEN
                CAST(:at AS timestamptz) + make_interval(
                    secs => least(:lock * power(2, least(s.in_a_row + 1 - :longest, 20)), :lock_most)) END
        WHERE s.locked_until IS NULL OR s.locked_until <= :at OR EXISTS (
            SELECT FROM known_clients AS k
            WHERE k.subject = :subject AND k.client = :client AND k.last_login_at > :known_since)
        RETURNING 1
    )
"""
_TAKE_PASSWORD = Prepared(f"""
    WITH allowed AS (SELECT 1), {_TAKEN_PASSWORD}
    SELECT (SELECT count(*) FROM streak) = 1 AS counted
""")  # noqa: S608 - put together from our own words
# A log-in is a request and an attempt: what the first limit refuses is not counted by the second.
_TAKE_LOGIN = Prepared(f"""
    WITH allowed AS ({_TAKEN_REQUEST}), {_TAKEN_PASSWORD}
    SELECT (SELECT count(*) FROM allowed) = 1 AS asked, (SELECT count(*) FROM streak) = 1 AS counted
""")  # noqa: S608
_PASSWORD_WAIT = text("""
    SELECT greatest(
        (SELECT max(locked_until) FROM password_streaks WHERE subject = :subject AND locked_until > :at),
        (SELECT CASE WHEN count(*) >= :most THEN min(m) + make_interval(secs => :window) END
            FROM password_attempts, unnest(wrong_at) AS m WHERE subject = :subject AND client = :client AND m > :since))
""")
_FORGIVE = Prepared("""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject)
    UPDATE password_attempts SET wrong_at = array_remove(wrong_at, CAST(:at AS timestamptz))
    WHERE subject = :subject AND client = :client
""")
# Parts of the statement that opens a session, done only where `held` finds the account.
_subject, _client = bindparam("subject", type_=LargeBinary), bindparam("client", type_=LargeBinary)
_at = bindparam("at", type_=_MOMENT)


def remembering(held: CTE) -> CTE:
    """This client has logged in to this account, and for a month no stranger can shut it out."""
    known = upsert(known_clients).from_select(
        ["subject", "client", "last_login_at"], select(_subject, _client, _at).select_from(held)
    )
    newest = func.greatest(known_clients.c.last_login_at, known.excluded.last_login_at)
    return known.on_conflict_do_update(
        index_elements=[known_clients.c.subject, known_clients.c.client], set_={"last_login_at": newest}
    ).cte("known")


def forgiving(held: CTE) -> tuple[CTE, CTE]:
    """`Attempts.forgive`: what is to be read from, so that it comes first, and what follows."""
    attempts = update(password_attempts).where(
        password_attempts.c.subject == _subject, password_attempts.c.client == _client, exists(select(held.c.id))
    )
    forgiven = attempts.values(wrong_at=func.array_remove(password_attempts.c.wrong_at, _at))
    streak = delete(password_streaks).where(password_streaks.c.subject == _subject, exists(select(held.c.id)))
    return forgiven.returning(password_attempts.c.subject).cte("forgiven"), streak.cte("streak")


_UNLOCK = text("""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject)
    DELETE FROM password_attempts WHERE subject = :subject
""")
_FORGET = text("""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject),
         known AS (DELETE FROM known_clients WHERE subject = :subject)
    DELETE FROM password_attempts WHERE subject = :subject
""")
_CLEAN = text("""
    WITH a AS (DELETE FROM client_requests
               WHERE NOT EXISTS (SELECT FROM unnest(asked_at) AS m WHERE m > :requests_since)),
         b AS (DELETE FROM password_attempts
               WHERE NOT EXISTS (SELECT FROM unnest(wrong_at) AS m WHERE m > :passwords_since)),
         c AS (DELETE FROM known_clients WHERE last_login_at <= :known_since)
    DELETE FROM password_streaks WHERE last_at <= :known_since
""")


@dataclass(frozen=True)
class Attempt:
    """One counted attempt at a password; `at` finds it again when it turns out to be right."""

    subject: bytes
    client: bytes
    at: datetime


def attempt_at(folded_address: str, origin: Origin, at: datetime) -> Attempt:
    return Attempt(subject_of(folded_address), fingerprint("client", origin.network), at)


def _seconds_until(moment: datetime | None, at: datetime) -> int:
    return ceil((moment - at).total_seconds()) if moment else 1


@dataclass(frozen=True)
class Attempts:
    database: Database
    settings: Settings
    under_way: UnderWay = field(default_factory=UnderWay)

    @property
    def _window(self) -> timedelta:
        return timedelta(seconds=self.settings.wrong_passwords_per_client_seconds)

    @property
    def _known_for(self) -> timedelta:
        return timedelta(days=self.settings.known_address_days)

    async def take_request(self, origin: Origin, at: datetime) -> None:
        """Raises RateLimited when this client has asked too often within a minute."""
        given = self._request(origin, at)
        async with self.database.reading() as connection:
            if await _TAKE_REQUEST.first(connection, given) is not None:
                return
            raise await self._rate_limited(connection, given, at)

    def one(self, folded_address: str, origin: Origin) -> AbstractContextManager[None]:
        """Around an attempt, from before it is taken until it is decided: others wait for it before they give up."""
        return self.under_way.one((subject_of(folded_address), origin.network))

    async def take_password(self, folded_address: str, origin: Origin, at: datetime) -> Attempt:
        """Counts an attempt as wrong until it is forgiven. Called within `one`. Raises TooManyAttempts."""
        attempt = attempt_at(folded_address, origin, at)
        given = self._password(attempt)
        while True:
            async with self.database.reading() as connection:
                (taken,) = await _TAKE_PASSWORD.all(connection, given)
                if taken.counted:
                    return attempt
            if not await self.under_way.another_ended((attempt.subject, origin.network)):
                async with self.database.reading() as connection:
                    raise await self._too_many(connection, given, at)

    async def take_login(self, folded_address: str, origin: Origin, at: datetime) -> Attempt:
        """`take_request` and then `take_password`, by one statement. Raises RateLimited, TooManyAttempts."""
        attempt = attempt_at(folded_address, origin, at)
        given = self._request(origin, at) | self._password(attempt)
        async with self.database.reading() as connection:
            (taken,) = await _TAKE_LOGIN.all(connection, given)
            if taken.counted:
                return attempt
        if taken.asked:
            return await self.take_password(folded_address, origin, at)
        async with self.database.reading() as connection:
            raise await self._rate_limited(connection, given, at)

    def _request(self, origin: Origin, at: datetime) -> dict[str, object]:
        most = self.settings.requests_per_client_minute
        return {"asker": fingerprint("request", origin.network), "at": at, "minute_ago": at - _MINUTE, "requests": most}

    def _password(self, attempt: Attempt) -> dict[str, object]:
        limits = self.settings
        return {
            "subject": attempt.subject,
            "client": attempt.client,
            "at": attempt.at,
            "since": attempt.at - self._window,
            "most": limits.wrong_passwords_per_client,
            "longest": limits.wrong_passwords_per_account,
            "lock": float(limits.wrong_passwords_lock_seconds),
            "lock_most": float(limits.wrong_passwords_lock_max_seconds),
            "known_since": attempt.at - self._known_for,
        }

    async def _rate_limited(self, connection: Connection, given: dict[str, object], at: datetime) -> RateLimited:
        oldest = await connection.scalar(_OLDEST_REQUEST, given)
        return RateLimited(retry_after=_seconds_until(oldest + _MINUTE if oldest else None, at))

    async def _too_many(self, connection: Connection, given: dict[str, object], at: datetime) -> TooManyAttempts:
        window = {"window": float(self.settings.wrong_passwords_per_client_seconds)}
        free_at = await connection.scalar(_PASSWORD_WAIT, given | window)
        return TooManyAttempts(retry_after=_seconds_until(free_at, at))

    async def forgive(self, connection: Connection, attempt: Attempt) -> None:
        """The password was right: nothing was guessed here, and no streak goes on."""
        await _FORGIVE.all(connection, vars(attempt))

    async def unlock(self, connection: Connection, folded_address: str) -> None:
        """A new password: what was guessed at the old one no longer counts."""
        await connection.execute(_UNLOCK, {"subject": subject_of(folded_address)})

    async def forget(self, connection: Connection, folded_address: str) -> None:
        await connection.execute(_FORGET, {"subject": subject_of(folded_address)})

    async def clean(self, connection: Connection, at: datetime) -> None:
        since = {"requests_since": at - _MINUTE, "passwords_since": at - self._window}
        await connection.execute(_CLEAN, since | {"known_since": at - self._known_for})


def subject_of(folded_address: str) -> bytes:
    return fingerprint("subject", folded_address)
