"""Fast hashes, stored wrapped only: plain digests, LDAP's salted ones, and the phpass of WordPress and phpBB."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from passlib.hash import phpass

from app.security.foreign_hashes.bounds import decode_base64, malformed, within

Position = Literal["prefix", "suffix"]

_PLAIN = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}
_LDAP = {"ssha": "sha1", "ssha256": "sha256", "ssha512": "sha512"}
_LDAP_PATTERN = re.compile(r"\{(SSHA|SSHA256|SSHA512)\}(.+)", re.IGNORECASE)
_PHPASS_PATTERN = re.compile(r"\$([PH])\$([./0-9A-Za-z])([./0-9A-Za-z]{8})([./0-9A-Za-z]{22})")
_PHPASS_SETTINGS = re.compile(r"\$[PH]\$[./0-9A-Za-z]{9}")
_PHPASS_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PHPASS_ROUNDS = (7, 18)
_LONGEST_SALT_BYTES = 256


@dataclass(frozen=True)
class Digest:
    """A salted or unsalted digest; `value` is hexadecimal."""

    scheme: str
    salt: bytes = field(repr=False)
    position: Position
    value: str = field(repr=False)

    @property
    def settings(self) -> str:
        return f"{self.position}.{base64.urlsafe_b64encode(self.salt).decode()}"

    def digest(self, password: bytes) -> str:
        function = _PLAIN.get(self.scheme) or _LDAP[self.scheme]
        salted = self.salt + password if self.position == "prefix" else password + self.salt
        return hashlib.new(function, salted, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Phpass:
    """`settings` are the first twelve characters of a phpass string: its kind, rounds and salt."""

    scheme: str
    settings: str = field(repr=False)
    value: str = field(repr=False)

    def digest(self, password: bytes) -> str:
        hasher = phpass.using(  # type: ignore[no-untyped-call] # published so
            ident=self.settings[:3],
            rounds=_PHPASS_ALPHABET.index(self.settings[3]),
            salt=self.settings[4:],
        )
        return str(hasher.hash(password))


FastHash = Digest | Phpass
"""A hash that a stolen table gives away quickly.

`settings` holds all that `digest` needs besides the password, in one word without a colon; `value` is what `digest`
returns for the right password.
"""


def parse_digest(scheme: str, hexadecimal: str, salt: str = "", position: Position = "prefix") -> Digest:
    """Raises HashRefused."""
    function = _PLAIN.get(scheme)
    if function is None:
        raise malformed("a plain digest")
    length = hashlib.new(function, usedforsecurity=False).digest_size * 2
    if not re.fullmatch(f"[0-9A-Fa-f]{{{length}}}", hexadecimal):
        raise malformed(scheme.upper())
    salted = salt.encode(errors="surrogatepass")
    if len(salted) > _LONGEST_SALT_BYTES:
        raise malformed(scheme.upper())
    return Digest(scheme, salted, position, hexadecimal.lower())


def parse_ldap(text: str) -> Digest:
    """`{SSHA}` and its longer kin (RFC 2307): base64 of the digest and then the salt. Raises HashRefused."""
    matched = _LDAP_PATTERN.fullmatch(text)
    if matched is None:
        raise malformed("an LDAP hash")
    scheme = matched[1].lower()
    length = hashlib.new(_LDAP[scheme], usedforsecurity=False).digest_size
    decoded = decode_base64(matched[2], "an LDAP hash", longest=length + _LONGEST_SALT_BYTES)
    if len(decoded) <= length:
        raise malformed("an LDAP hash")
    return Digest(scheme, decoded[length:], "suffix", decoded[:length].hex())


def parse_phpass(text: str) -> Phpass:
    """Raises HashRefused."""
    matched = _PHPASS_PATTERN.fullmatch(text)
    if matched is None:
        raise malformed("phpass")
    within(_PHPASS_ALPHABET.index(matched[2]), *_PHPASS_ROUNDS, "phpass exponent")
    return Phpass("phpass", text[:12], text)


def fast_settings(scheme: str, salt: str, position: Position) -> FastHash:
    """A fast hash without its value, as an export names it: the salt of a plain digest is text, that of LDAP base64.

    Raises HashRefused.
    """
    if scheme == "phpass":
        return parse_fast_settings(scheme, salt)
    if scheme in _PLAIN:
        return parse_fast_settings(scheme, f"{position}.{base64.urlsafe_b64encode(salt.encode()).decode()}")
    return parse_fast_settings(scheme, f"suffix.{salt.replace('+', '-').replace('/', '_')}")


def exported_settings(fast: FastHash) -> Mapping[str, str]:
    """What `fast_settings` takes."""
    if isinstance(fast, Phpass):
        return {"scheme": fast.scheme, "salt": fast.settings}
    if fast.scheme in _LDAP:
        return {"scheme": fast.scheme, "salt": base64.b64encode(fast.salt).decode()}
    return {"scheme": fast.scheme, "salt": fast.salt.decode(), "salt_position": fast.position}


def parse_fast_settings(scheme: str, settings: str) -> FastHash:
    """What `settings` was written from, without the value: enough to take the digest. Raises HashRefused."""
    if scheme == "phpass":
        if not _PHPASS_SETTINGS.fullmatch(settings):
            raise malformed("phpass")
        within(_PHPASS_ALPHABET.index(settings[3]), *_PHPASS_ROUNDS, "phpass exponent")
        return Phpass("phpass", settings, "")
    position, _, salt = settings.partition(".")
    if scheme not in _PLAIN and scheme not in _LDAP:
        raise malformed("a wrapped hash")
    decoded = decode_base64(salt, "a wrapped hash", alphabet="url")
    if position == "prefix":
        return Digest(scheme, decoded, "prefix", "")
    if position == "suffix":
        return Digest(scheme, decoded, "suffix", "")
    raise malformed("a wrapped hash")
