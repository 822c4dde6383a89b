"""Every table of every module, for migrations and for tests that list them."""

from app.accounts import tables as accounts
from app.accounts.attempts import repository as attempts
from app.admin import tables as admin
from app.audit import tables as audit
from app.clients import repository as clients
from app.database.engine import metadata
from app.email_change import repository as email_change
from app.imports import tables as imports
from app.mail import tables as mail
from app.password_reset import repository as password_reset
from app.tokens import tables as tokens
from app.two_factor import tables as two_factor
from app.two_factor.challenges import repository as challenges
from app.webhooks import tables as webhooks

modules = (
    accounts,
    attempts,
    admin,
    audit,
    mail,
    clients,
    imports,
    password_reset,
    email_change,
    tokens,
    two_factor,
    challenges,
    webhooks,
)

__all__ = ["metadata", "modules"]
