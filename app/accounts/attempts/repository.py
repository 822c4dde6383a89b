"""The counts of requests and of wrong passwords: their tables, and the statements that count and forgive."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import (
    ARRAY,
    CTE,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    case,
    column,
    func,
    literal_column,
    select,
    text,
    update,
)

from app.accounts.tables import COLUMNS, DEADLINE, IS_OVERDUE, IS_UNCHANGED, MUST_ENROLL, accounts
from app.database.compiled import CompiledStatement
from app.database.engine import Connection, metadata

_MOMENT = DateTime(timezone=True)
Position = tuple[bytes, ...]
BEGINNING: Position = ()

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
TAKE_REQUEST = CompiledStatement(_TAKEN_REQUEST)
OLDEST_REQUEST = text(
    "SELECT min(m) FROM client_requests, unnest(asked_at) AS m WHERE client = :asker AND m > :minute_ago"
)

# Wherever several of these tables are written by one statement, password_attempts come first, then password_streaks,
# then known_clients, so that no two statements deadlock. Postgres promises no order for the parts of a WITH: each part
# asks for rows of the one before it.
#
# The streak is counted only where the network's own budget allowed the attempt, so that one network's refused attempts
# do not shut out others. A streak that has locked belongs to strangers: a network that has logged in before is let
# through and leaves it as it is, so that nobody learns from a lock whether the owner was there. After a day without an
# attempt it begins anew.
_IN_A_ROW = "CASE WHEN s.last_at > :day_ago THEN s.in_a_row + 1 ELSE 1 END"
_COUNTED_PASSWORD = f"""
    known AS (
        SELECT FROM known_clients
        WHERE subject = :subject AND client = :network AND last_login_at > :known_since
    ), budget AS (
        INSERT INTO password_attempts AS p (subject, client, wrong_at)
        SELECT :subject, :network, ARRAY[CAST(:at AS timestamptz)] FROM allowed
        ON CONFLICT (subject, client) DO UPDATE SET wrong_at =
            ARRAY(SELECT m FROM unnest(p.wrong_at) AS m WHERE m > :since) || CAST(:at AS timestamptz)
        WHERE (SELECT count(*) FROM unnest(p.wrong_at) AS m WHERE m > :since) < :most
        RETURNING 1
    ), streak AS (
        INSERT INTO password_streaks AS s (subject, in_a_row, last_at) SELECT :subject, 1, :at FROM budget
        ON CONFLICT (subject) DO UPDATE SET
            in_a_row = {_IN_A_ROW},
            last_at = :at,
            locked_until = CASE WHEN {_IN_A_ROW} >= :longest THEN
                CAST(:at AS timestamptz) + make_interval(
                    secs => least(:lock * power(2, least({_IN_A_ROW} - :longest, 20)), :lock_most)) END
        WHERE s.locked_until IS NULL OR (s.locked_until <= :at AND NOT EXISTS (SELECT FROM known))
        RETURNING 1
    )
"""  # noqa: S608 - put together from our own words
_PASSWORD_COUNTED = """
    EXISTS (SELECT FROM budget) AND (EXISTS (SELECT FROM streak) OR EXISTS (SELECT FROM known)) AS password_counted
"""
TAKE_PASSWORD = CompiledStatement(f"WITH allowed AS (SELECT 1), {_COUNTED_PASSWORD} SELECT {_PASSWORD_COUNTED}")
# A log-in is a request and an attempt: what the first limit refuses is not counted by the second.
TAKE_LOGIN = CompiledStatement(f"""
    WITH allowed AS ({_TAKEN_REQUEST}), {_COUNTED_PASSWORD}
    SELECT EXISTS (SELECT FROM allowed) AS request_counted, {_PASSWORD_COUNTED}
""")  # noqa: S608
PASSWORD_WAIT = text("""
    SELECT greatest(
        (SELECT max(locked_until) FROM password_streaks WHERE subject = :subject AND locked_until > :at),
        (SELECT CASE WHEN count(*) >= :most THEN min(m) + make_interval(secs => :window) END
            FROM password_attempts, unnest(wrong_at) AS m
            WHERE subject = :subject AND client = :network AND m > :since))
""")
# A right password ends the streak that it was counted in, unless that one had locked before: then it is taken out of
# the count again, and the lock stays what strangers made of it.
_HAD_LOCKED = "(in_a_row > :longest OR (locked_until IS NOT NULL AND last_at <> :at))"


def _part(name: str, words: str) -> CTE:
    return text(f"{words} RETURNING 1").columns(column("done")).cte(name)


def _forgiven(once: str) -> tuple[CTE, ...]:
    """The parts of a statement that forgive an attempt, once this condition holds."""
    after = f"(SELECT count(*) FROM forgiven_attempt) >= 0 AND {once}"  # noqa: S608
    return (
        _part(
            "forgiven_attempt",
            f"""UPDATE password_attempts SET wrong_at = array_remove(wrong_at, CAST(:at AS timestamptz))
                WHERE subject = :subject AND client = :network AND {once}""",  # noqa: S608
        ),
        _part(
            "ended_streak",
            f"DELETE FROM password_streaks WHERE subject = :subject AND NOT {_HAD_LOCKED} AND {after}",  # noqa: S608
        ),
        _part(
            "restored_streak",
            f"""UPDATE password_streaks SET in_a_row = in_a_row - 1, locked_until = :at
                WHERE subject = :subject AND last_at = :at AND in_a_row > :longest AND {after}""",  # noqa: S608
        ),
    )


def _remembered(once: str) -> CTE:
    """The part of a statement that notes that this network has logged in to this account."""
    return _part(
        "remembered",
        f"""INSERT INTO known_clients AS k (subject, client, last_login_at)
            SELECT :subject, :network, CAST(:at AS timestamptz) WHERE {once}
            ON CONFLICT (subject, client) DO UPDATE
            SET last_login_at = greatest(k.last_login_at, excluded.last_login_at)""",  # noqa: S608
    )


FORGIVE = CompiledStatement(select(literal_column("1")).add_cte(*_forgiven("TRUE")))
# The account is locked by the first part; what is counted about it is written once that part has a row.
_at = bindparam("at", type_=DateTime(timezone=True))
_unchanged = (
    update(accounts)
    .where(IS_UNCHANGED)
    .values(
        locale=case(
            (accounts.c.last_login_at.is_(None), func.coalesce(accounts.c.locale, bindparam("locale", type_=Text))),
            else_=accounts.c.locale,
        )
    )
)
# As it was before this log-in: what a statement writes it does not see.
_KNEW = text("""EXISTS (SELECT FROM known_clients
    WHERE subject = :subject AND client = :network AND last_login_at > :known_since) AS was_known""")
_noted = _unchanged.values(last_login_at=_at).returning(*COLUMNS).cte("noted")
_ONCE_NOTED = "EXISTS (SELECT FROM noted)"
NOTE_LOGIN = CompiledStatement(select(*_noted.c, _KNEW).add_cte(_noted, _remembered(_ONCE_NOTED)))
# An account without a second factor is granted its deadline here, and logs in unless that is over.
_by_password = (
    _unchanged.values(
        last_login_at=case((IS_OVERDUE, accounts.c.last_login_at), else_=_at),
        two_factor_deadline=case((MUST_ENROLL, DEADLINE), else_=accounts.c.two_factor_deadline),
    )
    .returning(*COLUMNS, IS_OVERDUE.label("is_overdue"))
    .cte("noted")
)
_ONCE_LOGGED_IN = "(SELECT count(*) FROM ended_streak) >= 0 AND EXISTS (SELECT FROM noted WHERE NOT is_overdue)"
NOTE_PASSWORD = CompiledStatement(
    select(*_by_password.c, _KNEW).add_cte(_by_password, *_forgiven(_ONCE_NOTED), _remembered(_ONCE_LOGGED_IN))
)
UNLOCK = text("""
    WITH attempts AS (DELETE FROM password_attempts WHERE subject = :subject RETURNING 1)
    DELETE FROM password_streaks WHERE subject = :subject AND (SELECT count(*) FROM attempts) >= 0
""")
FORGET = text("""
    WITH attempts AS (DELETE FROM password_attempts WHERE subject = :subject RETURNING 1),
         streak AS (DELETE FROM password_streaks
                    WHERE subject = :subject AND (SELECT count(*) FROM attempts) >= 0 RETURNING 1)
    DELETE FROM known_clients WHERE subject = :subject AND (SELECT count(*) FROM streak) >= 0
""")
KNOW_AS = text("UPDATE known_clients SET subject = :new WHERE subject = :subject")


@dataclass(frozen=True)
class Sweep:
    """Walks a table by its key, so many rows a statement: none takes long, and none needs an index of its own."""

    table: str
    key: tuple[str, ...]
    ended: str

    @cached_property
    def statement(self) -> CompiledStatement:
        key = ", ".join(self.key)
        after = ", ".join(f":after_{number}" for number in range(len(self.key)))
        return CompiledStatement(f"""
            WITH batch AS (SELECT {key} FROM {self.table} WHERE ({key}) > ({after}) ORDER BY {key} LIMIT :most),
                 ended AS (DELETE FROM {self.table} WHERE ({key}) IN (SELECT {key} FROM batch) AND {self.ended})
            SELECT {key} FROM batch ORDER BY {key} OFFSET :most - 1
        """)  # noqa: S608

    async def run(self, connection: Connection, after: Position, since: datetime, *, most: int) -> Position:
        """Where the next batch begins: `BEGINNING` where this one reached the end of the table."""
        places = {f"after_{number}": after[number] if after else b"" for number in range(len(self.key))}
        last = await self.statement.first(connection, places | {"since": since, "most": most})
        return tuple(last) if last else BEGINNING


SWEEP_REQUESTS = Sweep(
    "client_requests", ("client",), "NOT EXISTS (SELECT FROM unnest(asked_at) AS m WHERE m > :since)"
)
SWEEP_ATTEMPTS = Sweep(
    "password_attempts", ("subject", "client"), "NOT EXISTS (SELECT FROM unnest(wrong_at) AS m WHERE m > :since)"
)
SWEEP_STREAKS = Sweep("password_streaks", ("subject",), "last_at <= :since")
SWEEP_KNOWN = Sweep("known_clients", ("subject", "client"), "last_login_at <= :since")
