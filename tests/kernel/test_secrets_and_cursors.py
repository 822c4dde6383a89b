"""Secrets by their kind, seals by their owner, cursors by their check."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.pages import read_cursor, write_cursor
from app.kernel.randomness import new_id, random_bytes
from app.kernel.refusal import FieldError
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.security.secret_box import SealBroken, SecretBox, key_id


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_counts_as_its_kind_alone(kind: SecretKind) -> None:
    secret = new_secret(kind)
    for other in SecretKind:
        found = digest_if(secret.get_secret_value(), other)
        assert found == (digest(secret) if other is kind else None)


@given(st.text())
def test_other_text_is_no_secret(text: str) -> None:
    assert digest_if(text, *SecretKind) is None
    assert digest_if(f"tks_{text}"[:48], SecretKind.SESSION) is None or text.isascii()


def test_a_secret_with_an_end_of_line_is_none() -> None:
    text = new_secret(SecretKind.SESSION).get_secret_value()
    for dressed in (f"{text}\n", f" {text}", text[:-1], text + "a", text.upper()[:4] + text[4:]):
        assert digest_if(dressed, SecretKind.SESSION) is None


def test_secrets_do_not_repeat_and_do_not_print() -> None:
    made = {new_secret(SecretKind.SESSION).get_secret_value() for _ in range(100)}
    assert len(made) == 100
    assert "tks_" not in repr(new_secret(SecretKind.SESSION))


@given(st.binary(max_size=80), st.data())
def test_a_seal_opens_whole_and_for_its_owner_alone(plain: bytes, data: st.DataObject) -> None:
    secret_box, owner = SecretBox((random_bytes(32),)), new_id()
    sealed = secret_box.seal(plain, owner=owner)
    assert secret_box.open(sealed, owner=owner) == plain
    with pytest.raises(SealBroken):
        secret_box.open(sealed, owner=new_id())
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    changed = bytearray(sealed)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        secret_box.open(bytes(changed), owner=owner)
    with pytest.raises(SealBroken):
        secret_box.open(sealed[: data.draw(st.integers(0, len(sealed) - 1))], owner=owner)


def test_an_older_key_opens_and_the_newest_seals() -> None:
    old, new, owner = random_bytes(32), random_bytes(32), new_id()
    sealed = SecretBox((old,)).seal(b"secret", owner=owner)
    both = SecretBox((new, old))
    assert both.open(sealed, owner=owner) == b"secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal(b"secret", owner=owner))
    with pytest.raises(SealBroken):
        SecretBox((new,)).open(sealed, owner=owner)


def test_a_seal_begins_with_the_name_of_its_key() -> None:
    """Names stand in every existing database: other ones would make every seal unreadable."""
    key = bytes(range(32))
    name = hashlib.sha256(b"twokeys key id" + key).digest()[:4]
    secret_box = SecretBox((key,))
    assert key_id(key) == secret_box.seal(b"secret", owner=new_id())[:4] == name
    assert secret_box.knows(name)
    assert not secret_box.knows(key_id(bytes(range(1, 33))))


def test_a_broken_seal_says_whether_the_key_is_gone() -> None:
    old, new, owner = random_bytes(32), random_bytes(32), new_id()
    sealed = SecretBox((old,)).seal(b"secret", owner=owner)
    with pytest.raises(SealBroken, match=r"^sealed with a key that is not among ours$"):
        SecretBox((new,)).open(sealed, owner=owner)
    with pytest.raises(SealBroken, match=r"^not what was sealed for this owner$"):
        SecretBox((new, old)).open(sealed, owner=new_id())


def test_a_cursor_leads_back() -> None:
    id = new_id()
    assert read_cursor("/a", write_cursor("/a", id)) == id


@given(st.text())
def test_other_cursors_are_refused(text: str) -> None:
    with pytest.raises(FieldError):
        read_cursor("/a", text)
