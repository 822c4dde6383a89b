"""Addresses: what is one, and which two are the same; accounts."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounts.attempts.domain import attempt_at, subject_of
from app.accounts.domain import Account, Status, read_address
from app.kernel.randomness import new_id
from app.kernel.refusal import FieldError
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester


@pytest.mark.parametrize(
    ("text", "result", "folded"),
    [
        ("ada@example.com", "ada@example.com", "ada@example.com"),
        ("Ada.Lovelace@Example.COM", "Ada.Lovelace@example.com", "ada.lovelace@example.com"),
        ("a+tag@example.com", "a+tag@example.com", "a+tag@example.com"),
        ("ada@XN--bcher-kva.com", "ada@xn--bcher-kva.com", "ada@xn--bcher-kva.com"),
    ],
)
def test_an_address_is_kept_as_written_and_compared_folded(text: str, result: str, folded: str) -> None:
    address = read_address(text)
    assert (address.text, address.folded) == (result, folded)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@localhost",
        "ada@@example.com",
        "ada@example..com",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com,eve@example.com",
        "Ada <ada@example.com>",
        "ada@[127.0.0.1]",
        '"a b"@example.com',
        "ada\0@example.com",
        "ad\u0131n@example.com",
        "\u0130da@example.com",
        "\u212aim@example.com",
        "\u017fam@example.com",
        "\u0430da@example.com",
        "ada@example.com" + "\ud800",
        "ada@example\u3002com",
        "ada@example\uff0ecom",
        "ada@example\uff61com",
        "ada@\uff45xample.com",
        "ada@\u212aiosk.com",
        "ada@b\u00fccher.com",
        "ada@exam\u00adple.com",
        "ada\uff20example.com",
        "a@" + "b." * 130 + "com",
    ],
)
def test_what_is_no_address_of_ours_is_refused(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_address(text)
    assert refused.value.pointer == "/email"
    assert refused.value.message.startswith("Must be a mail address")


def test_the_refusal_leads_to_the_field_that_was_asked_for() -> None:
    for text in ("nonsense", "x" * 255):
        with pytest.raises(FieldError) as refused:
            read_address(text, pointer="/to")
        assert refused.value.pointer == "/to"


@pytest.mark.parametrize(
    ("length", "message"),
    [(254, None), (255, "Must be a mail address of at most 254 characters.")],
)
def test_an_address_has_at_most_254_characters(length: int, message: str | None) -> None:
    domain = f"{'d' * 63}.{'e' * 63}.{'f' * 63}.com"
    text = "a" * (length - len(domain) - 1) + "@" + domain
    assert len(text) == length
    if message is None:
        assert read_address(text).text == text
        return
    with pytest.raises(FieldError) as refused:
        read_address(text)
    assert refused.value.message == message


def test_what_is_no_address_is_told_in_our_words() -> None:
    with pytest.raises(FieldError) as refused:
        read_address("ada")
    assert refused.value.message == "Must be a mail address."


def test_an_account_is_active_or_not_and_compared_folded() -> None:
    at = datetime(2026, 3, 14, tzinfo=UTC)
    account = Account(new_id(), "Ada.Lovelace@example.com", Status.ACTIVE, 3, at, "$argon2id$hash")
    assert account.is_active
    assert account.folded_address == "ada.lovelace@example.com"
    assert "$argon2id$hash" not in repr(account)
    assert not Account(new_id(), "ada@example.com", Status.DISABLED, 0, at, None).is_active


@given(st.text())
def test_whatever_is_read_is_ascii_and_folds_to_itself(text: str) -> None:
    for each in (text, f"{text}@example.com", f"ada@{text}.com"):
        try:
            address = read_address(each)
        except FieldError:
            continue
        assert address.text.isascii()
        assert address.folded == address.text.lower() == read_address(address.folded).folded


@pytest.mark.parametrize("text", ["ada@printer.local", "ada@Example.TEST"])
def test_a_reserved_domain_is_refused_with_the_reason_and_let_in_by_the_setting(text: str) -> None:
    with pytest.raises(FieldError, match="TWOKEYS_RESERVED_DOMAINS"):
        read_address(text)
    address = read_address(text, reserved_domains=True)
    assert address.text.lower() == text.lower()
    assert address.folded == text.lower()


@pytest.mark.parametrize("text", ["ada@.local", "ada@local", "a b@x.local", "ada@x.invalid", "ada@x..test"])
def test_what_is_no_address_stays_none_below_a_reserved_domain(text: str) -> None:
    with pytest.raises(FieldError):
        read_address(text, reserved_domains=True)


def test_an_address_that_waits_is_forgotten_at_its_end() -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    waiting = Account(
        new_id(), "ada@example.com", Status.ACTIVE, 0, at, None, pending_address="new@example.com", pending_until=at
    )
    assert waiting.as_of(at - timedelta(microseconds=1)) is waiting
    over = waiting.as_of(at)
    assert (over.id, over.pending_address, over.pending_until) == (waiting.id, None, None)
    settled = Account(new_id(), "ada@example.com", Status.ACTIVE, 0, at, None)
    assert settled.as_of(at) is settled


def test_an_attempt_names_neither_the_address_nor_the_network() -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    attempt = attempt_at("ada@example.com", RequestContext(at, Requester("2001:db8::7", None)), longest=10)
    assert (attempt.at, attempt.longest) == (at, 10)
    assert attempt.subject == subject_of("ada@example.com") == hashlib.sha256(b"subject\nada@example.com").digest()
    assert attempt.network == hashlib.sha256(b"client\n2001:db8::").digest()
    assert attempt_at("ada@example.com", RequestContext(at)).longest == 0
