"""Uses of tokens, noted in batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.database.engine import Connection
from app.tokens.domain import LATE_USE, LifeRules, Use

# Written in batches, a moment after the use: a token that was revoked meanwhile has no row to come back through, and
# one that ended meanwhile stays dead. A row that somebody else holds is passed over, so that this never waits in the
# middle of many rows.
#
# Of two processes the one that saw the earlier use may write later (LATE_USE). The user agent goes with its address.
# `Token.used` says the same of a use that is still to be written.
_NOTE_USES = text("""
    UPDATE tokens AS t SET
        last_used_at = greatest(t.last_used_at, u.at),
        last_used_ip = coalesce(u.ip, t.last_used_ip),
        last_used_user_agent = CASE WHEN u.ip IS NULL THEN t.last_used_user_agent ELSE u.user_agent END,
        expires_at = CASE WHEN t.extend_when_used AND t.max_age_seconds IS NOT NULL
            THEN greatest(t.last_used_at, u.at) + make_interval(secs => t.max_age_seconds) ELSE t.expires_at END
    FROM (
        SELECT noted.id, uses.at, uses.ip, uses.user_agent
        FROM unnest(
            CAST(:ids AS uuid[]), CAST(:ats AS timestamptz[]), CAST(:ips AS text[]), CAST(:user_agents AS text[])
        ) AS uses (id, at, ip, user_agent)
        JOIN tokens AS noted ON noted.id = uses.id
        WHERE (noted.last_used_at IS NULL OR noted.last_used_at < uses.at
                OR (uses.ip IS DISTINCT FROM noted.last_used_ip
                    AND uses.at > noted.last_used_at - CAST(:late AS interval)))
            AND (noted.expires_at IS NULL OR noted.expires_at > :at)
            AND (noted.kind <> 'session' OR coalesce(noted.last_used_at, noted.created_at) > :idle_since)
        FOR UPDATE OF noted SKIP LOCKED
    ) AS u
    WHERE t.id = u.id
""")


@dataclass(frozen=True)
class UseRows:
    """Written a moment after the use."""

    connection: Connection
    rules: LifeRules

    async def note_uses(self, uses: Mapping[UUID, Use], at: datetime) -> None:
        params = {
            "at": at,
            "idle_since": at - self.rules.idle,
            "late": LATE_USE,
            "ids": list(uses),
            "ats": [use.at for use in uses.values()],
            "ips": [use.ip for use in uses.values()],
            "user_agents": [use.user_agent for use in uses.values()],
        }
        await self.connection.execute(_NOTE_USES, params)
