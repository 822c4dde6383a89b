"""The tables of authenticators, enrollments, registrations, recovery codes and counts of wrong codes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    exists,
    false,
    func,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.accounts.tables import accounts
from app.database.engine import metadata
from app.tokens.tables import tokens
from app.two_factor.domain import Kind

factor_accounts = Table(
    "two_factor_accounts",
    metadata,
    # One row per account that ever had a second factor, or began to register a credential.
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("enabled_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    # The WebAuthn user id: random, so that a key or a passkey tells nothing about the account.
    Column("user_handle", LargeBinary),
    Column("had_credential", Boolean, nullable=False, server_default=false()),
    # Until then no reset begins to clear the second factor: a link of a mail cancelled the one before.
    Column("clearing_paused_until", DateTime(timezone=True)),
    UniqueConstraint("user_handle"),
    CheckConstraint("octet_length(user_handle) = 32", name="user_handle"),
)
authenticators = Table(
    "authenticators",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("last_used_at", DateTime(timezone=True)),
    Column("sealed_secret", LargeBinary),
    Column("last_step", BigInteger),
    Column("credential_id", LargeBinary),
    Column("public_key", LargeBinary),
    Column("sign_count", BigInteger),
    Column("passkey", Boolean),
    Column("backed_up", Boolean),
    Column("transports", ARRAY(Text)),
    Column("rp_id", Text),
    UniqueConstraint("credential_id"),
    CheckConstraint("kind IN ('totp', 'webauthn')", name="kind"),
    CheckConstraint(
        "CASE kind WHEN 'totp' THEN num_nulls(sealed_secret, last_step) = 0 "
        "ELSE num_nulls(credential_id, public_key, sign_count, passkey, backed_up, transports, rp_id) = 0 END",
        name="whole",
    ),
    CheckConstraint("octet_length(credential_id) BETWEEN 1 AND 1023", name="credential_id"),
    Index("authenticators_account_id_idx", "account_id", "id"),
)
enrollments = Table(
    "authenticator_enrollments",
    metadata,
    # One pending authenticator app per account: a second enrollment takes the first one's place.
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("name", Text),
    Column("additional", Boolean, nullable=False, server_default=false()),
    # With the device that it would replace, the enrollment goes as well.
    Column("replaces", Uuid, ForeignKey("authenticators.id", ondelete="CASCADE")),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    # The token or ticket that began it, while there is one; none where a release before 0013 began it.
    Column("begun_by", Uuid),
    Index("authenticator_enrollments_expires_at_idx", "expires_at"),
    Index("authenticator_enrollments_replaces_idx", "replaces", postgresql_where=text("replaces IS NOT NULL")),
)
tickets = Table(
    "enrollment_tickets",
    metadata,
    # A log-in by password that is worth nothing until a second factor was enrolled.
    Column("id", Uuid, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("enrollment_tickets_account_id_idx", "account_id"),
    Index("enrollment_tickets_expires_at_idx", "expires_at"),
)
registrations = Table(
    "webauthn_registrations",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("passkey", Boolean, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("webauthn_registrations_account_id_idx", "account_id"),
    Index("webauthn_registrations_expires_at_idx", "expires_at"),
)
spent_challenges = Table(
    "webauthn_spent_challenges",
    metadata,
    # Challenges of log-in by passkey and of reauthentication are signed, not stored; what is stored is their use.
    Column("digest", LargeBinary, primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("webauthn_spent_challenges_expires_at_idx", "expires_at"),
)
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("account_id", "digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
)
clearings = Table(
    "two_factor_clearings",
    metadata,
    # A reset that clears the second factor later, while it waits: whatever ends the wait removes the row.
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("clears_at", DateTime(timezone=True), nullable=False),
    Column("next_mail_at", DateTime(timezone=True)),
    # Who followed the reset link.
    Column("ip", Text),
    Column("user_agent", Text),
    Index("two_factor_clearings_next_mail_at_idx", "next_mail_at"),
)
clearing_links = Table(
    "two_factor_clearing_links",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("account_id", Uuid, ForeignKey("two_factor_clearings.account_id", ondelete="CASCADE"), nullable=False),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
    Index("two_factor_clearing_links_account_id_idx", "account_id"),
)
code_attempts = Table(
    "code_attempts",
    metadata,
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("in_a_row", Integer, nullable=False),
    Column("locked_until", DateTime(timezone=True)),
)

_is_totp = authenticators.c.kind == Kind.TOTP
_devices = (
    select(
        *(
            func.array_agg(aggregate_order_by(column, authenticators.c.id)).filter(_is_totp).label(name)
            for name, column in (
                ("device_ids", authenticators.c.id),
                ("sealed_secrets", authenticators.c.sealed_secret),
                ("last_steps", authenticators.c.last_step),
            )
        ),
        func.count().filter(authenticators.c.kind == Kind.WEBAUTHN).label("credentials"),
    )
    .where(authenticators.c.account_id == accounts.c.id)
    .correlate(accounts)
    .lateral("devices")
)
_remaining = (
    select(func.count())
    .select_from(recovery_codes)
    .where(recovery_codes.c.account_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)
ENROLLMENT_LIVES = (enrollments.c.epoch == accounts.c.credential_epoch) & (
    enrollments.c.begun_by.is_(None)
    | exists(select(tokens.c.id).where(tokens.c.id == enrollments.c.begun_by))
    | exists(select(tickets.c.id).where(tickets.c.id == enrollments.c.begun_by))
)
"""For an enrollment joined to its account. Its end of time is another matter: one that has expired says so."""

WITH_SECOND_FACTOR = (
    accounts.outerjoin(factor_accounts, factor_accounts.c.account_id == accounts.c.id)
    .outerjoin(
        enrollments,
        (enrollments.c.account_id == accounts.c.id) & ENROLLMENT_LIVES,
    )
    .outerjoin(clearings, clearings.c.account_id == accounts.c.id)
    .join(_devices, true())
)
"""Accounts, each with its SECOND_FACTOR."""

SECOND_FACTOR = (
    accounts.c.id.label("factor_account_id"),
    factor_accounts.c.enabled_at,
    factor_accounts.c.last_used_at.label("factor_last_used_at"),
    enrollments.c.expires_at.label("enrollment_expires_at"),
    *_devices.c,
    _remaining.label("recovery_codes_remaining"),
    clearings.c.clears_at,
    factor_accounts.c.clearing_paused_until,
)

sealed_secrets = union_all(
    select(authenticators.c.id, authenticators.c.account_id, authenticators.c.sealed_secret).where(
        authenticators.c.sealed_secret.is_not(None)
    ),
    select(enrollments.c.id, enrollments.c.account_id, enrollments.c.sealed_secret),
).subquery("sealed_secrets")
"""Of authenticator apps, pending ones included."""
