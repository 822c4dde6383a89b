"""Keyed hashes and derived keys; what seals do stands in tests/kernel/test_secrets_and_cursors.py."""

import hashlib
import hmac

from app.kernel.randomness import new_id
from app.security.secret_box import SecretBox, key_id

OLD, NEW = b"o" * 32, b"n" * 32


def derived(purpose: bytes) -> bytes:
    return hmac.digest(NEW, b"twokeys derived key: " + purpose, "sha256")


def test_a_keyed_hash_names_its_key() -> None:
    expected = key_id(NEW) + hmac.digest(derived(b"keyed hash"), b"a message", "sha256")
    assert SecretBox((NEW, OLD)).keyed_hash(b"a message") == expected
    assert key_id(NEW) == hashlib.sha256(b"twokeys key id" + NEW).digest()[:4]


def test_a_keyed_hash_is_known_while_its_key_is_there() -> None:
    hashed, both = SecretBox((OLD,)).keyed_hash(b"a message"), SecretBox((NEW, OLD))
    assert both.is_hash_of(hashed, b"a message")
    assert not both.is_hash_of(hashed, b"another")
    assert not both.is_hash_of(hashed[:-1], b"a message")
    assert not SecretBox((NEW,)).is_hash_of(hashed, b"a message")
    assert not both.is_hash_of(key_id(OLD), b"a message")


def test_a_key_is_derived_for_each_purpose() -> None:
    box = SecretBox((NEW, OLD))
    assert box.derive_key("webauthn") == hmac.digest(derived(b"keyed hash"), b"twokeys derived key: webauthn", "sha256")
    assert box.derive_key("webauthn") == SecretBox((NEW,)).derive_key("webauthn")
    assert box.derive_key("webauthn") != box.derive_key("another")


def test_the_key_of_today_is_told_from_the_others() -> None:
    box = SecretBox((NEW, OLD))
    seals = [SecretBox((key,)).seal(b"secret", owner=new_id()) for key in (NEW, OLD)]
    assert [box.is_current(sealed) for sealed in seals] == [True, False]
    assert [box.knows(key_id(key)) for key in (NEW, OLD, b"x" * 32)] == [True, True, False]
