"""Looking for words in text that holds random ids, digests and tokens, where a short word turns up by chance."""

import re

# A word of these characters alone may stand in hexadecimal or base64: "ada" does in two of 25 dumps.
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]*")
_LONG = 8


def can_appear_by_chance(word: str) -> bool:
    return len(word) < _LONG and _RANDOM.fullmatch(word) is not None


def must_not_hold(text: str, *words: str) -> None:
    """Ignores case. The text must not be empty, and no word one that could turn up by chance."""
    assert text.strip(), "there is nothing to look through"
    assert words
    for word in words:
        assert not can_appear_by_chance(word), f"{word!r} is too short to look for"
        assert word.lower() not in text.lower(), word
