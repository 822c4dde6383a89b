"""Accounts on their way in, and what the hashes of other systems have to do with the time that a log-in takes."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import log
from uuid import UUID

from app.accounts.domain import Address, Status
from app.security.foreign_hashes.bounds import ForeignHash


@dataclass(frozen=True)
class TakenOver:
    """What an account is made of, or becomes; `epoch` is the one it was read under."""

    id: UUID
    address: Address
    external_id: str | None
    password_hash: str | None = field(repr=False)
    status: Status
    created_at: datetime | None
    """None where the account keeps the time that it has."""
    email_verified_at: datetime | None
    locale: str | None = None
    epoch: int = 0


@dataclass(frozen=True)
class Share:
    """How many accounts have a hash of one scheme and cost; `example` is one of them, None for our own scheme."""

    name: str
    accounts: int
    example: ForeignHash | None = field(repr=False)


def pick_share(shares: Sequence[Share], key: bytes, folded_address: str) -> Share | None:
    """The share that an address without an account falls to: in proportion, and always the same one.

    Weighted rendezvous hashing: while people log in and shares shrink, an address leaves only a share that shrinks,
    as an account does. None where there are no shares.
    """
    return min(shares, key=lambda share: _score(share, key, folded_address), default=None)


def _score(share: Share, key: bytes, folded_address: str) -> float:
    mac = hmac.digest(key, f"{share.name}\0{folded_address}".encode(), "sha256")
    uniform = (int.from_bytes(mac[:7], "big") + 1) / (2**56 + 1)
    return -log(uniform) / share.accounts
