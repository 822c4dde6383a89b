"""How far sealing anew has come."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resealing:
    """How far a rotation of keys has come through one table. `unreadable` rows are sealed with a key that is gone."""

    total: int
    seen: int = 0
    resealed: int = 0
    unreadable: int = 0
