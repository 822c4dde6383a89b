"""Every table of every room, for migrations and for whoever asks what there is."""

from app.accounts import attempts
from app.accounts import repository as accounts
from app.activity import repository as activity
from app.clients import repository as clients
from app.infrastructure.database import metadata
from app.login import repository as login
from app.password_reset import repository as password_reset
from app.tokens import repository as tokens
from app.two_factor import repository as two_factor

rooms = (accounts, attempts, activity, clients, login, password_reset, tokens, two_factor)

__all__ = ["metadata", "rooms"]
