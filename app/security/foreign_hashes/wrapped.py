"""A fast hash inside Argon2id: `argon2id(fast(password))`, so that no fast hash is ever on the disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.security.foreign_hashes.argon2 import Argon2, parse_argon2
from app.security.foreign_hashes.bounds import malformed
from app.security.foreign_hashes.fast import FastHash, exported_settings, parse_fast_settings


@dataclass(frozen=True)
class Wrapped:
    scheme: str
    _fast: FastHash = field(repr=False)
    _outer: Argon2 = field(repr=False)

    @property
    def cost(self) -> str:
        return self._outer.cost

    @property
    def weight(self) -> float:
        return self._outer.weight

    @property
    def text(self) -> str:
        return f"{self._fast.settings}:{self._outer.text}"

    def exported(self) -> Mapping[str, str]:
        """As an export writes it: `{"wrapped": …, "scheme": …, "salt": …}`."""
        return {"wrapped": self._outer.text, **exported_settings(self._fast)}

    def verify(self, password: bytes) -> bool:
        return self._outer.verify(self._fast.digest(password).encode())


def wrapped_in(argon2: str, fast: FastHash) -> Wrapped:
    """`argon2` is the hash of `fast.value`. Raises HashRefused."""
    outer = parse_argon2(argon2)
    if outer.scheme != "argon2id":
        raise malformed("a wrapped hash")
    return Wrapped(fast.scheme, fast, outer)


def parse_wrapped(scheme: str, text: str) -> Wrapped:
    """Reads `Wrapped.text`. Raises HashRefused."""
    settings, _, argon2 = text.partition(":")
    return wrapped_in(argon2, parse_fast_settings(scheme, settings))
