"""Languages as BCP 47 names them (RFC 5646), and the one that a browser asks for first (RFC 9110 §12.5.4)."""

import re
from collections.abc import Iterator

_LONGEST_HEADER = 256
# RFC 5646 §4.4.1 recommends room for 35 characters. Language, script, region, variants, extensions of the two that are
# registered (t and u), private use. Of languages the registry knows no longer names than three letters.
LONGEST_LOCALE = 35
_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(-[tu](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?"
)
_WEIGHT = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)", re.IGNORECASE)
_SCRIPT_LENGTH, _REGION_LENGTH = 4, 2


def read_locale(text: str) -> str:
    """A tag in its usual spelling (RFC 5646 §2.1.1), such as `de-AT`. Raises ValueError."""
    folded = text.lower()
    if not text.isascii() or len(text) > LONGEST_LOCALE or not _TAG.fullmatch(folded):
        message = "Must be a language tag (BCP 47) such as en or de-AT."
        raise ValueError(message)
    language, *subtags = folded.split("-")
    return "-".join([language, *_spelled(subtags)])


def _spelled(subtags: list[str]) -> list[str]:
    """Script in title case, region in capitals, each only in front of extensions."""
    plain = next((index for index, subtag in enumerate(subtags) if len(subtag) == 1), len(subtags))
    return [_cased(subtag) for subtag in subtags[:plain]] + subtags[plain:]


def _cased(subtag: str) -> str:
    if len(subtag) == _REGION_LENGTH:
        return subtag.upper()
    return subtag.title() if len(subtag) == _SCRIPT_LENGTH and subtag.isalpha() else subtag


def prefixes(locale: str | None) -> Iterator[str]:
    """The tag and what is left of it, from the end, as RFC 4647 §3.4 looks up: `de-AT`, `de`."""
    subtags = locale.split("-") if locale else []
    for length in range(len(subtags), 0, -1):
        yield "-".join(subtags[:length])


def preferred_locale(accept_language: str | None) -> str | None:
    """The first of the languages with the highest weight; None where none can be read."""
    return next(iter(accepted_locales(accept_language)), None)


def accepted_locales(accept_language: str | None) -> list[str]:
    """The languages by weight; those of the same weight in their order."""
    weights: dict[str, float] = {}
    for part in (accept_language or "")[:_LONGEST_HEADER].split(","):
        tag, _, parameter = part.partition(";")
        found = _WEIGHT.fullmatch(parameter.strip()) if parameter.strip() else None
        weight = float(found[1]) if found else float(not parameter.strip())
        try:
            locale = read_locale(tag.strip())
        except ValueError:
            continue
        weights[locale] = max(weight, weights.get(locale, 0.0))
    return sorted((locale for locale in weights if weights[locale] > 0), key=lambda locale: -weights[locale])
