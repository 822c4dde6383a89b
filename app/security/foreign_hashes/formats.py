"""Which format a hash string has, and the form in which a foreign hash stands in the accounts table."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.security.foreign_hashes.argon2 import parse_argon2
from app.security.foreign_hashes.bcrypt import parse_bcrypt
from app.security.foreign_hashes.bounds import (
    LONGEST_TEXT,
    ForeignHash,
    HashRefused,
    malformed,
    unknown_format,
)
from app.security.foreign_hashes.fast import FastHash, parse_ldap, parse_phpass
from app.security.foreign_hashes.firebase import FirebaseProject, parse_firebase
from app.security.foreign_hashes.pbkdf2 import parse_pbkdf2
from app.security.foreign_hashes.scrypt import parse_scrypt
from app.security.foreign_hashes.sha_crypt import parse_sha_crypt
from app.security.foreign_hashes.wrapped import parse_wrapped

_MARK = "foreign"
_SLOW = (
    (("$argon2", "argon2$"), parse_argon2),
    (("$2a$", "$2b$", "$2x$", "$2y$", "$wp$2", "bcrypt$", "bcrypt_sha256$"), parse_bcrypt),
    (("$scrypt$", "scrypt$", "scrypt:"), parse_scrypt),
    (("$pbkdf2", "pbkdf2_", "pbkdf2:"), parse_pbkdf2),
    (("$5$", "$6$"), parse_sha_crypt),
)
_FAST = (
    (("$P$", "$H$"), parse_phpass),
    (("{SSHA", "{ssha"), parse_ldap),
)
_WRAPPED = frozenset({"md5", "sha1", "sha256", "sha512", "ssha", "ssha256", "ssha512", "phpass"})


def recognise(text: str) -> ForeignHash | FastHash:
    """The hash in this string. Raises HashRefused for an unknown format, a malformed hash, and costs over a ceiling."""
    _refuse_odd_text(text)
    for prefixes, parse in _FAST:
        if text.startswith(prefixes):
            return parse(text)
    return _recognise_slow(text)


def _recognise_slow(text: str) -> ForeignHash:
    for prefixes, parse in _SLOW:
        if text.startswith(prefixes):
            return parse(text)
    raise unknown_format()


def _refuse_odd_text(text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise HashRefused("malformed_hash", f"A password hash has at most {LONGEST_TEXT} characters.")
    if not text.isascii() or not text.isprintable():
        raise unknown_format()


@dataclass(frozen=True)
class CostClass:
    """Stored hashes that take the same time to verify."""

    scheme: str
    cost: str


def is_foreign(stored: str) -> bool:
    return stored.startswith(f"{_MARK}:")


def write_stored(foreign: ForeignHash) -> str:
    """`foreign:<scheme>:<cost>:<hash>`: the first three parts are what the database groups by."""
    return f"{_MARK}:{foreign.scheme}:{foreign.cost}:{foreign.text}"


def cost_class_of(stored: str) -> CostClass:
    """Of a hash that `write_stored` wrote."""
    _, scheme, cost, _ = stored.split(":", 3)
    return CostClass(scheme, cost)


def project_id_of(stored: str) -> str | None:
    """The Firebase project whose parameters this stored hash needs."""
    parts = stored.split(":", 4)
    return parts[3] if len(parts) == 5 and parts[1] == "firebase_scrypt" else None  # noqa: PLR2004 - a part more


def read_stored(stored: str, projects: Mapping[str, FirebaseProject]) -> ForeignHash:
    """Reads what `write_stored` wrote, and checks the ceilings again. Raises HashRefused."""
    parts = stored.split(":", 3)
    if len(parts) != 4 or parts[0] != _MARK:  # noqa: PLR2004 - as written
        raise malformed("a stored hash")
    _, scheme, _, text = parts
    if scheme in _WRAPPED:
        return parse_wrapped(scheme, text)
    if scheme == "firebase_scrypt":
        project_id, _, rest = text.partition(":")
        salt, _, digest = rest.partition(":")
        if project_id not in projects:
            raise HashRefused("unknown_format", "The Firebase parameters of this hash are not known.")
        return parse_firebase(digest, salt, projects[project_id])
    return _recognise_slow(text)
