"""The counts of requests and of wrong passwords: their tables, and the statements that count and forgive."""

from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    text,
)

from app.database.compiled import CompiledStatement
from app.database.engine import metadata

_MOMENT = DateTime(timezone=True)

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

# Wherever several of these tables are written by one statement, password_attempts come first (a WITH that nothing reads
# from runs after the statement it stands before), so that no two of them deadlock.
#
# The streak is counted only where the network's own budget allowed the attempt, so that one network's refused attempts
# do not shut out others. A network that has logged in before is let through a lock that strangers caused.
_TAKEN_PASSWORD = """
    budget AS (
        INSERT INTO password_attempts AS p (subject, client, wrong_at)
        SELECT :subject, :network, ARRAY[CAST(:at AS timestamptz)] FROM allowed
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
            WHERE k.subject = :subject AND k.client = :network AND k.last_login_at > :known_since)
        RETURNING 1
    )
"""
TAKE_PASSWORD = CompiledStatement(f"""
    WITH allowed AS (SELECT 1), {_TAKEN_PASSWORD}
    SELECT (SELECT count(*) FROM streak) = 1 AS password_counted
""")  # noqa: S608 - put together from our own words
# A log-in is a request and an attempt: what the first limit refuses is not counted by the second.
TAKE_LOGIN = CompiledStatement(f"""
    WITH allowed AS ({_TAKEN_REQUEST}), {_TAKEN_PASSWORD}
    SELECT (SELECT count(*) FROM allowed) = 1 AS request_counted, (SELECT count(*) FROM streak) = 1 AS password_counted
""")  # noqa: S608
PASSWORD_WAIT = text("""
    SELECT greatest(
        (SELECT max(locked_until) FROM password_streaks WHERE subject = :subject AND locked_until > :at),
        (SELECT CASE WHEN count(*) >= :most THEN min(m) + make_interval(secs => :window) END
            FROM password_attempts, unnest(wrong_at) AS m
            WHERE subject = :subject AND client = :network AND m > :since))
""")
FORGIVE = CompiledStatement("""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject)
    UPDATE password_attempts SET wrong_at = array_remove(wrong_at, CAST(:at AS timestamptz))
    WHERE subject = :subject AND client = :network
""")
# This network has logged in to this account.
_REMEMBERED = """
    INSERT INTO known_clients AS k (subject, client, last_login_at) VALUES (:subject, :network, :at)
    ON CONFLICT (subject, client) DO UPDATE SET last_login_at = greatest(k.last_login_at, excluded.last_login_at)
"""
REMEMBER = CompiledStatement(_REMEMBERED)
FORGIVE_AND_REMEMBER = CompiledStatement(f"""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject), known AS ({_REMEMBERED})
    UPDATE password_attempts SET wrong_at = array_remove(wrong_at, CAST(:at AS timestamptz))
    WHERE subject = :subject AND client = :network
""")  # noqa: S608
UNLOCK = text("""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject)
    DELETE FROM password_attempts WHERE subject = :subject
""")
FORGET = text("""
    WITH streak AS (DELETE FROM password_streaks WHERE subject = :subject),
         known AS (DELETE FROM known_clients WHERE subject = :subject)
    DELETE FROM password_attempts WHERE subject = :subject
""")
CLEAN = text("""
    WITH a AS (DELETE FROM client_requests
               WHERE NOT EXISTS (SELECT FROM unnest(asked_at) AS m WHERE m > :requests_since)),
         b AS (DELETE FROM password_attempts
               WHERE NOT EXISTS (SELECT FROM unnest(wrong_at) AS m WHERE m > :passwords_since)),
         c AS (DELETE FROM known_clients WHERE last_login_at <= :known_since)
    DELETE FROM password_streaks WHERE last_at <= :known_since
""")
