"""what release 0.1 writes reaches the new tables, and what this one writes reaches the old table

Revision: 0004, after 0003.

The release before knows `two_factor_enrollments` alone, and goes on until the last of its replicas is replaced. Triggers
keep both sides the same in the transaction of each change, so the service knows only the new tables (ADR 14). The next
release drops the table with its triggers.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A change that one trigger made sets off none of the others.
_BY_THE_SERVICE = "WHEN (pg_trigger_depth() = 0)"

_LEAD = """
CREATE FUNCTION two_factor_enrollments_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM authenticator_enrollments WHERE account_id = OLD.account_id;
        IF OLD.status = 'enabled' THEN
            DELETE FROM authenticators WHERE account_id = OLD.account_id;
            DELETE FROM recovery_codes WHERE account_id = OLD.account_id;
            UPDATE two_factor_accounts SET enabled_at = NULL, last_used_at = NULL WHERE account_id = OLD.account_id;
        END IF;
    ELSIF NEW.status = 'pending' THEN
        INSERT INTO authenticator_enrollments (account_id, id, epoch, sealed_secret, begun_at, expires_at)
        SELECT id, NEW.id, credential_epoch, NEW.sealed_secret, now(), NEW.expires_at
        FROM accounts WHERE id = NEW.account_id
        ON CONFLICT (account_id) DO UPDATE SET
            id = excluded.id, epoch = excluded.epoch, name = NULL, additional = false, replaces = NULL,
            sealed_secret = excluded.sealed_secret, begun_at = excluded.begun_at, expires_at = excluded.expires_at;
    ELSE
        IF TG_OP = 'INSERT' OR OLD.status = 'pending' THEN
            DELETE FROM authenticator_enrollments WHERE account_id = NEW.account_id;
        END IF;
        UPDATE authenticators SET
            sealed_secret = NEW.sealed_secret,
            last_used_at = CASE WHEN NEW.last_step > last_step THEN NEW.last_used_at ELSE last_used_at END,
            last_step = greatest(NEW.last_step, last_step)
        WHERE id = NEW.id AND kind = 'totp';
        INSERT INTO authenticators
            (id, account_id, kind, name, created_at, last_used_at, sealed_secret, last_step)
        SELECT NEW.id, NEW.account_id, 'totp', 'Authenticator app', NEW.confirmed_at, NEW.last_used_at,
            NEW.sealed_secret, NEW.last_step
        WHERE NOT EXISTS (SELECT FROM authenticators WHERE id = NEW.id);
        INSERT INTO two_factor_accounts (account_id, enabled_at, last_used_at)
        VALUES (NEW.account_id, NEW.confirmed_at, NEW.last_used_at)
        ON CONFLICT (account_id) DO UPDATE SET
            enabled_at = coalesce(two_factor_accounts.enabled_at, excluded.enabled_at),
            last_used_at = greatest(two_factor_accounts.last_used_at, excluded.last_used_at);
    END IF;
    RETURN NULL;
END $$
"""
# An account with credentials alone must not look as if a password were enough. Its secret opens with no key, so every
# code is refused there; recovery codes work. It begins with the name of a key in use, since `serve` looks for it.
_FOLLOW = """
CREATE FUNCTION two_factor_enrollments_follow() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.account_id ELSE NEW.account_id END;
    state two_factor_accounts%ROWTYPE;
    device authenticators%ROWTYPE;
    pending authenticator_enrollments%ROWTYPE;
BEGIN
    SELECT * INTO state FROM two_factor_accounts WHERE account_id = owner;
    IF state.enabled_at IS NOT NULL THEN
        SELECT * INTO device FROM authenticators WHERE account_id = owner ORDER BY kind, id LIMIT 1;
        IF device.id IS NULL THEN
            RETURN NULL;
        END IF;
        INSERT INTO two_factor_enrollments
            (account_id, id, status, sealed_secret, confirmed_at, last_step, last_used_at)
        VALUES (owner, device.id, 'enabled',
            coalesce(device.sealed_secret,
                (SELECT substring(sealed_secret FROM 1 FOR 4) FROM authenticators WHERE kind = 'totp' LIMIT 1),
                decode('00000000', 'hex')),
            state.enabled_at, coalesce(device.last_step, 0), state.last_used_at)
        ON CONFLICT (account_id) DO UPDATE SET
            id = excluded.id, status = 'enabled', sealed_secret = excluded.sealed_secret, expires_at = NULL,
            confirmed_at = excluded.confirmed_at, last_step = excluded.last_step, last_used_at = excluded.last_used_at;
        RETURN NULL;
    END IF;
    SELECT * INTO pending FROM authenticator_enrollments WHERE account_id = owner;
    IF pending.id IS NULL THEN
        DELETE FROM two_factor_enrollments WHERE account_id = owner;
    ELSE
        INSERT INTO two_factor_enrollments (account_id, id, status, sealed_secret, expires_at)
        VALUES (owner, pending.id, 'pending', pending.sealed_secret, pending.expires_at)
        ON CONFLICT (account_id) DO UPDATE SET
            id = excluded.id, sealed_secret = excluded.sealed_secret, expires_at = excluded.expires_at
        WHERE two_factor_enrollments.status = 'pending';
    END IF;
    RETURN NULL;
END $$
"""
_FOLLOWED = ("two_factor_accounts", "authenticators", "authenticator_enrollments")


def upgrade() -> None:
    op.execute(_LEAD)
    op.execute(_FOLLOW)
    for table in _FOLLOWED:
        op.execute(
            f"CREATE TRIGGER two_factor_enrollments_follow AFTER INSERT OR UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW {_BY_THE_SERVICE} EXECUTE FUNCTION two_factor_enrollments_follow()"
        )
    op.execute(
        "CREATE TRIGGER two_factor_enrollments_lead AFTER INSERT OR UPDATE OR DELETE ON two_factor_enrollments"
        f" FOR EACH ROW {_BY_THE_SERVICE} EXECUTE FUNCTION two_factor_enrollments_lead()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER two_factor_enrollments_lead ON two_factor_enrollments")
    for table in _FOLLOWED:
        op.execute(f"DROP TRIGGER two_factor_enrollments_follow ON {table}")
    op.execute("DROP FUNCTION two_factor_enrollments_lead()")
    op.execute("DROP FUNCTION two_factor_enrollments_follow()")
