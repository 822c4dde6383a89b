"""Language tags, and the language that a browser asks for first."""

import pytest

from app.kernel.locale import preferred_locale, read_locale


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("de", "de"),
        ("DE-at", "de-AT"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
        ("de-u-co-phonebk", "de-u-co-phonebk"),
    ],
)
def test_a_language_tag_is_spelled_in_the_usual_way(text: str, spelled: str) -> None:
    assert read_locale(text) == spelled


NO_TAGS = ["", "*", "d", "german", "de_AT", "de-", "-de", "de--AT", "de AT", "dé", "not-a-locale", "de" + "-abcde" * 6]


@pytest.mark.parametrize("text", NO_TAGS)
def test_what_is_no_language_tag_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="language tag"):
        read_locale(text)


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
