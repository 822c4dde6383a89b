"""Language tags, and the language that a browser asks for first."""

import pytest

from app.kernel.locale import LONGEST_LOCALE, accepted_locales, preferred_locale, read_locale


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("de", "de"),
        ("DE-at", "de-AT"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
        ("de-1a2b", "de-1a2b"),
        ("SL-nedis-ROZAJ", "sl-nedis-rozaj"),
        ("en-x-US-Team", "en-x-us-team"),
        ("de-u-co-phonebk", "de-u-co-phonebk"),
    ],
)
def test_a_language_tag_is_spelled_in_the_usual_way(text: str, spelled: str) -> None:
    assert read_locale(text) == spelled


NO_TAGS = ["", "*", "d", "german", "de_AT", "de-", "-de", "de--AT", "de AT", "dé", "not-a-locale", "de" + "-abcde" * 6]


@pytest.mark.parametrize("text", NO_TAGS)
def test_what_is_no_language_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Must be a language tag \(BCP 47\) such as en or de-AT\.$"):
        read_locale(text)


def test_a_language_tag_has_a_longest() -> None:
    longest = "de" + "-abcde" * 4 + "-abcdefgh"
    assert (len(longest), read_locale(longest)) == (LONGEST_LOCALE, longest)
    with pytest.raises(ValueError, match="language tag"):
        read_locale("de" + "-abcde" * 3 + "-abcdefgh-abcdef")


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("de-AT", "de-AT"),
        ("en-GB;q=0.7, de;q=0.8, fr;q=0.8", "de"),
        ("en;q=0.9,de", "de"),
        ("de;q=0", None),
        ("de;q=2, en;q=0.1", "en"),
        ("\x00, </script>, de_DE, fr-FR;q=0.2", "fr-FR"),
        ("a," * 200 + "de", None),
    ],
)
def test_the_language_with_the_highest_weight_is_preferred(header: str | None, locale: str | None) -> None:
    assert preferred_locale(header) == locale


@pytest.mark.parametrize(
    ("header", "locales"),
    [
        (None, []),
        ("en;q=0.5, de, fr;q=0.7, de;q=0.1", ["de", "fr", "en"]),
        ("fr;q=0.1, fr;q=0.9, en;q=0.5", ["fr", "en"]),
        ("it, en, de", ["it", "en", "de"]),
        ("en; q=0.5 ,de; q=1.000", ["de", "en"]),
        ("en;q=0, de;q=0.000, fr;q=0.001", ["fr"]),
        ("en;", ["en"]),
    ],
)
def test_languages_are_accepted_by_weight_and_then_in_their_order(header: str | None, locales: list[str]) -> None:
    assert accepted_locales(header) == locales


def test_a_header_is_read_to_its_256th_character() -> None:
    assert preferred_locale("*," * 127 + "de") == "de"
    assert preferred_locale("*," * 127 + "ded") == "de"
    assert preferred_locale("*," * 128 + "de") is None
