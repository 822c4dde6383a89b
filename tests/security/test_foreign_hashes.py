"""Hashes of other systems, each made by the library that made it there, or published by whoever did."""

import base64
import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import bcrypt
import pytest
from argon2.low_level import Type, hash_secret
from django.conf import settings as django_settings
from django.contrib.auth import hashers as django
from hypothesis import given
from hypothesis import strategies as st
from passlib import hash as passlib
from werkzeug.security import generate_password_hash

from app.security.foreign_hashes.bounds import ForeignHash, HashRefused
from app.security.foreign_hashes.fast import Digest, FastHash, Phpass, parse_digest
from app.security.foreign_hashes.firebase import FirebaseProject, parse_firebase, parse_project
from app.security.foreign_hashes.formats import (
    CostClass,
    cost_class_of,
    is_foreign,
    project_id_of,
    read_stored,
    recognise,
    write_stored,
)
from app.security.foreign_hashes.wrapped import Wrapped, wrapped_in

if not django_settings.configured:
    django_settings.configure()

PASSWORD = "pässword 1"
UTF8 = PASSWORD.encode()


def _argon2(variant: Type, version: int = 19) -> str:
    made = hash_secret(UTF8, b"sixteen byte slt", 1, 64, 2, 32, variant, version)
    return made.decode()


def _passlib(name: str, **settings: int | str) -> str:
    return str(getattr(passlib, name).using(**settings).hash(PASSWORD))


def _bcrypt(ident: bytes) -> str:
    return bcrypt.hashpw(UTF8, b"$" + ident + b"$04$" + bcrypt.gensalt(4)[7:]).decode()


def _phc_pbkdf2(function: str, iterations: int, length: int) -> str:
    derived = hashlib.pbkdf2_hmac(function, UTF8, b"salt of this", iterations, length)
    salt, digest = (base64.b64encode(each).decode().rstrip("=") for each in (b"salt of this", derived))
    return f"$pbkdf2-{function}$i={iterations},l={length}${salt}${digest}"


SLOW: dict[str, tuple[str, Callable[[], str]]] = {
    "argon2id": ("argon2id", lambda: _argon2(Type.ID)),
    "argon2i": ("argon2i", lambda: _argon2(Type.I)),
    "argon2d": ("argon2d", lambda: _argon2(Type.D)),
    "argon2id of version 1.0": ("argon2id", lambda: _argon2(Type.ID, 16)),
    "argon2 by Django": ("argon2id", lambda: django.Argon2PasswordHasher().encode(PASSWORD, "salted salt")),
    "bcrypt 2a": ("bcrypt", lambda: _bcrypt(b"2a")),
    "bcrypt 2b": ("bcrypt", lambda: _bcrypt(b"2b")),
    "bcrypt 2y": ("bcrypt", lambda: _bcrypt(b"2y")),
    "bcrypt by passlib": ("bcrypt", lambda: _passlib("bcrypt", rounds=4)),
    "bcrypt by Django": ("bcrypt", lambda: django.BCryptPasswordHasher().encode(PASSWORD, bcrypt.gensalt(4))),
    "bcrypt_sha256 by Django": (
        "django_bcrypt_sha256",
        lambda: django.BCryptSHA256PasswordHasher().encode(PASSWORD, bcrypt.gensalt(4)),
    ),
    "scrypt by passlib": ("scrypt", lambda: _passlib("scrypt", rounds=4)),
    "scrypt by Django": ("django_scrypt", lambda: django.ScryptPasswordHasher().encode(PASSWORD, "salt", n=16)),
    "scrypt by Werkzeug": ("werkzeug_scrypt", lambda: generate_password_hash(PASSWORD, "scrypt:512:8:1")),
    "pbkdf2 by passlib, SHA-1": ("pbkdf2_sha1", lambda: _passlib("pbkdf2_sha1", rounds=9)),
    "pbkdf2 by passlib, SHA-256": ("pbkdf2_sha256", lambda: _passlib("pbkdf2_sha256", rounds=9)),
    "pbkdf2 by passlib, SHA-512": ("pbkdf2_sha512", lambda: _passlib("pbkdf2_sha512", rounds=9)),
    "pbkdf2 by Django, SHA-1": (
        "django_pbkdf2_sha1",
        lambda: django.PBKDF2SHA1PasswordHasher().encode(PASSWORD, "s", 9),
    ),
    "pbkdf2 by Django, SHA-256": (
        "django_pbkdf2_sha256",
        lambda: django.PBKDF2PasswordHasher().encode(PASSWORD, "s", 9),
    ),
    "pbkdf2 by Werkzeug": ("werkzeug_pbkdf2_sha512", lambda: generate_password_hash(PASSWORD, "pbkdf2:sha512:9")),
    "pbkdf2 as PHC, SHA-1": ("pbkdf2_sha1", lambda: _phc_pbkdf2("sha1", 9, 64)),
    "pbkdf2 as PHC, SHA-1 unnamed": (
        "pbkdf2_sha1",
        lambda: _phc_pbkdf2("sha1", 9, 20).replace("$pbkdf2-sha1$", "$pbkdf2$"),
    ),
    "pbkdf2 as PHC, SHA-384": ("pbkdf2_sha384", lambda: _phc_pbkdf2("sha384", 9, 48)),
    "pbkdf2 as PHC, SHA-512": ("pbkdf2_sha512", lambda: _phc_pbkdf2("sha512", 9, 32)),
    "sha256-crypt": ("sha256_crypt", lambda: _passlib("sha256_crypt", rounds=1000)),
    "sha512-crypt": ("sha512_crypt", lambda: _passlib("sha512_crypt", rounds=1000)),
    "sha512-crypt of 5,000 rounds": ("sha512_crypt", lambda: _passlib("sha512_crypt", rounds=5000)),
}
FAST: dict[str, tuple[str, Callable[[], str]]] = {
    "phpass P": ("phpass", lambda: _passlib("phpass", rounds=7)),
    "phpass H": ("phpass", lambda: _passlib("phpass", rounds=7, ident="$H$")),
    "LDAP SSHA": ("ssha", lambda: _passlib("ldap_salted_sha1")),
    "LDAP SSHA256": ("ssha256", lambda: _passlib("ldap_salted_sha256")),
    "LDAP SSHA512": ("ssha512", lambda: _passlib("ldap_salted_sha512")),
}
# (password, hash): crypt_blowfish's own for $2x$, and those of its documented cut at 72 bytes.
CRYPT_BLOWFISH = [
    (b"\xa3", "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
    (b"\xff\xff\xa3", "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
    (b"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"),
    (b"\xff\xa334\xff\xff\xff\xa3345", "$2x$05$/OK.fbVrR/bpIqNJ5ianF.o./n25XVfn6oAPaUvHe.Csk4zRfsYPi"),
    ("ё".encode(), "$2x$05$6bNw2HLQYeqHYyBfLMsv/OiwqTymGIGzFsA4hOTWebfehXHNprcAS"),
    (b"\xd0\xc1\xd2\xcf\xcc\xd8", "$2x$05$6bNw2HLQYeqHYyBfLMsv/O9LIGgn8OMzuDoHfof8AQimSGfcSWxnS"),
    (
        b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
        "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    ),
]
FIREBASE = {
    "signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
    "salt_separator": "Bw==",
    "rounds": 8,
    "mem_cost": 14,
}
FIREBASE_HASH = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
FIREBASE_SALT = "42xEC+ixf3L2lw=="


def _slow(text: str) -> ForeignHash:
    read = recognise(text)
    assert not isinstance(read, Digest | Phpass)
    return read


def _project() -> FirebaseProject:
    return parse_project("one", **FIREBASE)  # type: ignore[arg-type]


def _wrap(fast: FastHash) -> Wrapped:
    made = hash_secret(fast.value.encode(), b"sixteen byte slt", 1, 64, 1, 32, Type.ID)
    return wrapped_in(made.decode(), fast)


@pytest.mark.parametrize(("scheme", "make"), SLOW.values(), ids=SLOW)
def test_a_slow_hash_verifies(scheme: str, make: Callable[[], str]) -> None:
    read = _slow(make())

    assert read.scheme == scheme
    assert read.verify(UTF8)
    assert not read.verify(UTF8 + b"!")
    assert not read.verify(b"")


@pytest.mark.parametrize(("scheme", "make"), SLOW.values(), ids=SLOW)
def test_a_stored_hash_reads_back(scheme: str, make: Callable[[], str]) -> None:
    read = _slow(make())

    stored = write_stored(read)

    assert is_foreign(stored)
    assert cost_class_of(stored) == CostClass(scheme, read.cost)
    assert read_stored(stored, {}) == read


@pytest.mark.parametrize(("scheme", "make"), FAST.values(), ids=FAST)
def test_a_fast_hash_verifies_when_wrapped(scheme: str, make: Callable[[], str]) -> None:
    text = make()
    read = recognise(text)
    assert isinstance(read, Digest | Phpass)

    stored = write_stored(_wrap(read))
    again = read_stored(stored, {})

    assert again.scheme == scheme
    assert again.verify(UTF8)
    assert not again.verify(UTF8 + b"!")
    assert read.value not in stored, "the fast hash itself is not stored"


@pytest.mark.parametrize("function", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("salt", ["", "sält:$"])
@pytest.mark.parametrize("position", ["prefix", "suffix"])
def test_a_plain_digest_verifies_when_wrapped(function: str, salt: str, position: Literal["prefix", "suffix"]) -> None:
    salted = salt.encode() + UTF8 if position == "prefix" else UTF8 + salt.encode()
    read = parse_digest(function, hashlib.new(function, salted).hexdigest().upper(), salt, position)

    again = read_stored(write_stored(_wrap(read)), {})

    assert again.verify(UTF8)
    assert not again.verify(salted[:-1])


@pytest.mark.parametrize(("password", "text"), CRYPT_BLOWFISH)
def test_the_vectors_of_crypt_blowfish(password: bytes, text: str) -> None:
    read = _slow(text)

    assert read.verify(password)
    assert not read.verify(b"x" + password)


def test_bcrypt_cuts_a_long_password_as_the_old_system_did() -> None:
    read = _slow(bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode())

    assert read.verify(b"x" * 73)
    assert not read.verify(b"x" * 71)


def test_bcrypt_with_a_digest_inside_counts_a_long_password_whole() -> None:
    read = _slow(django.BCryptSHA256PasswordHasher().encode("x" * 80, bcrypt.gensalt(4)))

    assert read.verify(b"x" * 80)
    assert not read.verify(b"x" * 81)


def test_a_hash_that_wordpress_made_verifies() -> None:
    read = _slow("$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES")

    assert read.scheme == "wordpress_bcrypt"
    assert read.verify(b"admin")
    assert not read.verify(b"Admin")


def test_the_published_vector_of_firebase() -> None:
    read = parse_firebase(FIREBASE_HASH, FIREBASE_SALT, _project())

    stored = write_stored(read)

    assert read.verify(b"user1password")
    assert not read.verify(b"user2password")
    assert project_id_of(stored) == "one"
    assert read_stored(stored, {"one": _project()}) == read


def test_a_firebase_hash_without_its_parameters_is_refused() -> None:
    stored = write_stored(parse_firebase(FIREBASE_HASH, FIREBASE_SALT, _project()))

    with pytest.raises(HashRefused, match="parameters"):
        read_stored(stored, {"another": _project()})


def test_a_signer_key_of_another_length_does_not_fit() -> None:
    project = parse_project("one", **FIREBASE | {"signer_key": base64.b64encode(bytes(32)).decode()})  # type: ignore[arg-type]

    with pytest.raises(HashRefused, match="signer key"):
        parse_firebase(FIREBASE_HASH, FIREBASE_SALT, project)


SALT, DIGEST = base64.b64encode(bytes(16)).decode().rstrip("="), base64.b64encode(bytes(32)).decode().rstrip("=")
TOO_COSTLY = [
    f"$argon2id$v=19$m=1048577,t=1,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1024,t=11,p=1${SALT}${DIGEST}",
    f"$argon2id$v=19$m=1024,t=1,p=17${SALT}${DIGEST}",
    f"argon2$argon2i$v=19$m=4294967295,t=1,p=1${SALT}${DIGEST}",
    "$2b$16$" + "a" * 21 + "." + "a" * 31,
    "$wp$2y$31$" + "a" * 21 + "." + "a" * 31,
    "bcrypt_sha256$$2b$16$" + "a" * 21 + "." + "a" * 31,
    f"$scrypt$ln=18,r=8,p=1${SALT}${DIGEST}",
    f"$scrypt$ln=999,r=8,p=1${SALT}${DIGEST}",
    f"$scrypt$ln=17,r=17,p=1${SALT}${DIGEST}",
    f"$scrypt$ln=4,r=8,p=17${SALT}${DIGEST}",
    f"scrypt$262144$salt$8$1${DIGEST}",
    "scrypt:131072:17:1$salt$" + "0" * 128,
    f"$pbkdf2-sha512$i=10000001${SALT}${DIGEST}",
    f"$pbkdf2-sha1$i=5000001${SALT}${DIGEST}",
    f"$pbkdf2-sha256$10000001${SALT}${DIGEST}",
    f"pbkdf2_sha256$10000001$salt${DIGEST}",
    "pbkdf2:sha256:10000001$salt$" + "0" * 64,
    "$5$rounds=1000001$salt$" + "a" * 43,
    "$P$H" + "a" * 30,
]


@pytest.mark.parametrize("text", TOO_COSTLY)
def test_costs_over_a_ceiling_are_refused(text: str) -> None:
    with pytest.raises(HashRefused) as refused:
        recognise(text)

    assert refused.value.code == "hash_too_costly"


@pytest.mark.parametrize("text", TOO_COSTLY)
def test_costs_over_a_ceiling_are_refused_when_read_back(text: str) -> None:
    with pytest.raises(HashRefused):
        read_stored(f"foreign:any:any:{text}", {})


@pytest.mark.parametrize(
    "text",
    [
        f"$argon2id$v=19$m=1048576,t=10,p=16${SALT}${DIGEST}",
        "$2b$15$" + "a" * 21 + "." + "a" * 30 + "u",
        f"$scrypt$ln=17,r=16,p=16${SALT}${DIGEST}",
        f"$pbkdf2-sha512$i=10000000${SALT}${DIGEST}",
        "$6$rounds=1000000$salt$" + "." * 86,
        "$P$G" + "a" * 30,
    ],
)
def test_costs_at_the_ceiling_are_taken(text: str) -> None:
    recognise(text)


def test_scrypt_with_all_the_memory_of_the_ceiling_verifies() -> None:
    digest = hashlib.scrypt(UTF8, salt=bytes(16), n=2**17, r=16, p=1, maxmem=2**29, dklen=32)
    text = f"$scrypt$ln=17,r=16,p=1${SALT}${base64.b64encode(digest).decode()}"

    assert _slow(text).verify(UTF8)


def test_scrypt_parameters_that_its_standard_forbids_are_refused() -> None:
    for costs in ("ln=16,r=1,p=1", "ln=0,r=8,p=1", "ln=4,r=0,p=1", "ln=4,r=8,p=0"):
        with pytest.raises(HashRefused):
            recognise(f"$scrypt${costs}${SALT}${DIGEST}")


def test_firebase_parameters_over_the_ceilings_of_scrypt_are_refused() -> None:
    for changed in ({"mem_cost": 18}, {"mem_cost": 10**6}, {"mem_cost": 17, "rounds": 17}, {"rounds": 0}):
        with pytest.raises(HashRefused):
            parse_project("one", **FIREBASE | changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plaintext",
        "$1$salt$abc",
        "$2$04$" + "a" * 53,
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "{CRYPT}abc",
        "!",
        "foreign:bcrypt:4:x",
        "$argon2id$" + "é" * 10,
        "$argon2id$v=19$m=1024,t=1,p=1$AAAA$AAAA\n",
    ],
)
def test_what_is_no_format_of_ours_is_refused(text: str) -> None:
    with pytest.raises(HashRefused):
        recognise(text)


@given(st.text(max_size=80))
def test_no_text_does_anything_but_being_refused(text: str) -> None:
    for prefix in ("", "$argon2id$", "$2b$", "$scrypt$", "scrypt:", "$pbkdf2", "pbkdf2_", "$5$", "$P$", "{SSHA}"):
        with pytest.raises(HashRefused):
            recognise(prefix + text)


@given(data=st.data())
def test_a_damaged_hash_is_refused_or_proves_nothing(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(DAMAGED_FROM))
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 3))
    damaged = text[:at] + data.draw(st.text(alphabet="$=,:{}0aZ./+-é\n", max_size=3)) + text[at + length :]

    with suppress(HashRefused):
        recognise(damaged)


DAMAGED_FROM = [
    f"$argon2id$v=19$m=64,t=1,p=2${SALT}${DIGEST}",
    "$2b$04$" + "a" * 21 + "." + "a" * 30 + "u",
    f"$scrypt$ln=4,r=8,p=1${SALT}${DIGEST}",
    f"scrypt$16$salt$8$1${DIGEST}",
    "scrypt:16:8:1$salt$" + "0" * 128,
    f"$pbkdf2-sha512$i=9,l=32${SALT}${DIGEST}",
    f"$pbkdf2-sha256$9${SALT}${DIGEST}",
    "pbkdf2:sha256:9$salt$" + "0" * 64,
    "$6$rounds=1000$salt$" + "." * 86,
    "$P$9" + "a" * 30,
    "{SSHA}" + base64.b64encode(bytes(24)).decode(),
]


def test_a_hash_is_never_shown_by_its_repr() -> None:
    for _, make in [*SLOW.values(), *FAST.values()]:
        text = make()
        assert re.split(r"[$}]", text)[-1] not in repr(recognise(text))


def test_slower_hashes_weigh_more() -> None:
    weights = [_slow(f"$2b${cost:02}$" + "a" * 21 + "." + "a" * 30 + "u").weight for cost in (4, 10, 12, 15)]

    assert weights == sorted(weights)
    assert weights[0] < 1 < weights[1]
