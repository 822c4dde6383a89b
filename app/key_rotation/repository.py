"""Under which keys the stored secrets are sealed."""

from collections.abc import Mapping

from sqlalchemy import func, select, union_all

from app.accounts.tables import firebase_projects
from app.database.engine import Connection
from app.mail.tables import outbox
from app.security.secret_box import KEY_ID_BYTES
from app.two_factor.tables import sealed_secrets
from app.webhooks.tables import webhook_secrets


async def count_by_key(connection: Connection) -> Mapping[bytes, int]:
    """How many secrets each key has sealed, by the id of the key."""
    sealed = union_all(
        select(sealed_secrets.c.sealed_secret.label("sealed")),
        select(outbox.c.sealed).where(outbox.c.sealed.is_not(None)),
        select(firebase_projects.c.sealed_parameters),
        select(webhook_secrets.c.sealed_secret),
    ).subquery()
    key = func.substring(sealed.c.sealed, 1, KEY_ID_BYTES)
    rows = await connection.execute(select(key, func.count()).group_by(key))
    return {bytes(key_id): count for key_id, count in rows}
