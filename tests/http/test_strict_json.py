"""JSON as strictly as RFC 8259, and text that Postgres can keep."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.refusals import MalformedRequest
from app.http.strict_json import read_json
from app.kernel.refusal import FieldError

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(values, st.booleans())
def test_what_is_json_is_read(value: object, ascii_only: bool) -> None:  # noqa: FBT001 - one of the two ways to write
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary())
def test_other_bytes_are_refused_and_break_nothing(body: bytes) -> None:
    try:
        read_json(body)
    except (MalformedRequest, FieldError):
        return
    json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1,"\\u0061":2}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"\xff"',
        b'"\x00"',
        b'"\n"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_json(body)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'"a\\u0000"', ""),
        (b'{"email":"a\\u0000"}', "/email"),
        (b'{"email":"\\ud800"}', "/email"),
        (b'{"email":"\\udc00\\ud800"}', "/email"),
        (b'{"a":[1,"\\ud83d"]}', "/a/1"),
        (b'{"\\ud800":1}', ""),
        (b'{"Secret!":"\\u0000"}', ""),
    ],
)
def test_what_cannot_be_kept_is_refused_with_its_place(body: bytes, pointer: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_json(body)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_no_python_reads_more_than_64_levels(opening: bytes, closing: bytes) -> None:
    read_json(opening * 64 + b"1" + closing * 64)
    with pytest.raises(MalformedRequest):
        read_json(opening * 65 + b"1" + closing * 65)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_an_object_of_very_many_names_is_refused_whole() -> None:
    """A complaint about each made the answer seven times as long as the request."""
    body = json.dumps({f"a{number}": 0 for number in range(101)}).encode()
    with pytest.raises(FieldError) as refusal:
        read_json(b'{"a":' + body + b"}")
    assert refusal.value.pointer == ""
    assert len(read_json(json.dumps({f"a{number}": 0 for number in range(100)}).encode())) == 100


def test_a_pointer_into_a_deep_object_stays_short() -> None:
    name = "a" * 60
    with pytest.raises(FieldError) as refusal:
        read_json(f'{{"{name}":'.encode() * 64 + b'"\\u0000"' + b"}" * 64)
    assert len(refusal.value.pointer) < 300
