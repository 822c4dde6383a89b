"""What the database holds of one person, and what an act has changed of it: the means to tell whole from half done."""

import json
from collections import Counter
from typing import Any

from tests.support.processes import Person, Processes

AccountState = dict[str, Any]
Changes = dict[str, Any]

# Counts of attempts are left out: they are taken before the act, and stay whatever becomes of it.
_ACCOUNT_STATE = """
SELECT json_build_object(
    'status', a.status,
    'epoch', a.credential_epoch,
    'password', md5(a.password_hash),
    'two_factor', CASE WHEN f.enabled_at IS NOT NULL THEN 'enabled' WHEN e.id IS NOT NULL THEN 'pending' END,
    'secret', coalesce(md5(e.sealed_secret),
        (SELECT md5(string_agg(sealed_secret, '' ORDER BY id)) FROM authenticators WHERE account_id = p.id)),
    'last_step', (SELECT max(last_step) FROM authenticators WHERE account_id = p.id),
    'recovery_codes', (SELECT json_agg(md5(digest) ORDER BY digest) FROM recovery_codes WHERE account_id = p.id),
    'tokens', (SELECT json_agg(kind ORDER BY kind) FROM tokens WHERE account_id = p.id AND epoch = a.credential_epoch),
    'challenges', (SELECT json_agg('open'::text) FROM login_challenges
        WHERE account_id = p.id AND epoch = a.credential_epoch AND spent_at IS NULL),
    'links', (SELECT json_agg('open'::text) FROM password_reset_links
        WHERE account_id = p.id AND epoch = a.credential_epoch AND spent_at IS NULL),
    'wishes', (SELECT json_agg('open'::text) FROM password_reset_requests WHERE folded_address = lower($2)),
    'events', (SELECT json_agg(type ORDER BY type) FROM events WHERE account_id = p.id),
    'letters', (SELECT json_agg(letter ORDER BY letter) FROM outbox WHERE account_id = p.id))
FROM (SELECT $1::uuid AS id) AS p
LEFT JOIN accounts AS a ON a.id = p.id LEFT JOIN two_factor_accounts AS f ON f.account_id = p.id
LEFT JOIN authenticator_enrollments AS e ON e.account_id = p.id AND e.epoch = a.credential_epoch
"""
_SHOWN = {"status", "epoch", "two_factor"}

# Two-factor authentication is on exactly where the last event that turns it says so.
_UNEXPLAINED = """
SELECT a.address FROM accounts AS a
LEFT JOIN two_factor_accounts AS e ON e.account_id = a.id AND e.enabled_at IS NOT NULL
LEFT JOIN LATERAL (
    SELECT type FROM events WHERE account_id = a.id AND (
        type IN ('two_factor.enabled', 'two_factor.disabled', 'two_factor.reset')
        OR (type = 'password_reset.completed' AND details ->> 'two_factor' = 'disabled'))
    ORDER BY occurred_at DESC, id DESC LIMIT 1) AS last ON true
WHERE (e.account_id IS NOT NULL) <> (last.type IS NOT DISTINCT FROM 'two_factor.enabled')
"""
_AT_WORK = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'
"""


async def account_state(processes: Processes, person: Person) -> AccountState:
    [row] = await processes.rows(_ACCOUNT_STATE, person.id, person.email)
    found: AccountState = json.loads(row[0])
    return found


def changes(before: AccountState, after: AccountState) -> Changes:
    """The same for every person to whom the same was done: no ids, no digests, and a list as what came and went."""
    return {name: _change(name, before[name], after[name]) for name in before if before[name] != after[name]}


def _change(name: str, before: Any, after: Any) -> Any:
    if name in _SHOWN:
        return before, after
    if isinstance(before, list) or isinstance(after, list):
        old, new = Counter(before or ()), Counter(after or ())
        if name == "recovery_codes":
            return f"{(old - new).total()} went", f"{(new - old).total()} came"
        return sorted((old - new).elements()), sorted((new - old).elements())
    return before is not None, after is not None


async def unexplained(processes: Processes) -> list[str]:
    """Addresses whose two-factor authentication went on or off without an event."""
    return [row[0] for row in await processes.rows(_UNEXPLAINED)]


async def is_at_work(processes: Processes) -> bool:
    """Whether the server is still busy with something, such as the COMMIT of a process that died."""
    [row] = await processes.rows(_AT_WORK)
    return bool(row[0])
