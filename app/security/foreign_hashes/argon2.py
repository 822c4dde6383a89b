"""Argon2 (RFC 9106) as PHC strings, of any variant and cost within the ceilings; Django puts `argon2` in front."""

import re
from dataclasses import dataclass, field

from argon2.exceptions import VerificationError, VerifyMismatchError
from argon2.low_level import Type, verify_secret

from app.security.foreign_hashes.bounds import decode_base64, malformed, within

_HIGHEST_MEMORY_KIB = 1024 * 1024
_HIGHEST_TIME_COST = 10
_HIGHEST_PARALLELISM = 16
_SHORTEST_SALT_BYTES = 8
_DIGEST_BYTES = range(12, 129)
_DEFAULT_WORK = 19456 * 2
_TYPES = {"argon2id": Type.ID, "argon2i": Type.I, "argon2d": Type.D}
_PATTERN = re.compile(
    r"\$(argon2id|argon2i|argon2d)(\$v=(?:16|19))?"
    r"\$m=([0-9]{1,10}),t=([0-9]{1,10}),p=([0-9]{1,10})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)


@dataclass(frozen=True)
class Argon2:
    scheme: str
    cost: str
    weight: float
    text: str = field(repr=False)

    def verify(self, password: bytes) -> bool:
        try:
            return verify_secret(self.text.encode(), password, _TYPES[self.scheme])
        except VerifyMismatchError:
            return False
        except VerificationError:
            raise MemoryError("not enough memory for the costs of an Argon2 hash") from None


def parse_argon2(text: str) -> Argon2:
    """Raises HashRefused."""
    matched = _PATTERN.fullmatch(text.removeprefix("argon2"))
    if matched is None:
        raise malformed("Argon2")
    scheme, version, memory, passes, lanes, salt, digest = matched.groups()
    lane_count = within(int(lanes), 1, _HIGHEST_PARALLELISM, "parallelism")
    memory_kib = within(int(memory), 8 * lane_count, _HIGHEST_MEMORY_KIB, "memory cost")
    time_cost = within(int(passes), 1, _HIGHEST_TIME_COST, "time cost")
    if len(decode_base64(salt, "Argon2")) < _SHORTEST_SALT_BYTES:
        raise malformed("Argon2")
    if len(decode_base64(digest, "Argon2")) not in _DIGEST_BYTES:
        raise malformed("Argon2")
    cost = f"m={memory_kib},t={time_cost},p={lane_count}" + ("" if version == "$v=19" else ",v=16")
    return Argon2(scheme, cost, memory_kib * time_cost / _DEFAULT_WORK, matched.group())
