"""Who acts on other people's accounts, and why."""

import pytest

from app.admin.domain import LONGEST_REASON, read_reason
from app.kernel.refusal import FieldError


@pytest.mark.parametrize("text", ["Lost her phone.", "x", "x" * LONGEST_REASON, "später, à bientôt"])
def test_a_reason_is_kept_as_it_was_given(text: str) -> None:
    assert read_reason(text) == text


@pytest.mark.parametrize("text", ["", " ", "   ", "x" * (LONGEST_REASON + 1), "two\nlines", "a\0b", "\u202edlof"])
def test_what_says_nothing_or_too_much_is_no_reason(text: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_reason(text)
    assert refused.value.pointer == "/reason"
    assert refused.value.message == "Must be 1 to 500 printable characters."


def test_the_longest_reason_is_500_characters() -> None:
    assert LONGEST_REASON == 500
