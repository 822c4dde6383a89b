"""Browser and system as we understand them, and nothing that a stranger wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel import user_agent
from app.kernel.user_agent import describe

KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
REAL = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": "Edge on Windows",
    f"Mozilla/5.0 (X11; Linux x86_64) {KIT} Chrome/142.0.0.0 Safari/537.36": "Chrome on Linux",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KIT} Chrome/142.0.0.0 Safari/537.36": "Chrome on ChromeOS",
    f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {KIT} Chrome/142.0.0.0 Mobile Safari/537.36": "Chrome on Android",
    f"Mozilla/5.0 (Linux; Android 15) {KIT} SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36": (
        "Samsung Internet on Android"
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0": "Firefox on Windows",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Safari/604.1": (
        "Safari on iPhone"
    ),
    "Mozilla/5.0 (iPad; CPU OS 19_1 like Mac OS X) AppleWebKit/605.1.15 CriOS/142.0 Safari/604.1": "Chrome on iPad",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.1 Safari/605.1.15": (
        "Safari on Mac"
    ),
    "curl/8.7.1": "curl",
    "python-httpx/0.28.1": "Python",
}


def words(sent: str | None) -> str:
    device = describe(sent)
    return " on ".join(filter(None, (device.program, device.system))) if device else ""


@pytest.mark.parametrize("sent", REAL)
def test_the_usual_ones_are_understood(sent: str) -> None:
    assert words(sent) == REAL[sent]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        '"Security notice": visit https://evil.example to keep your account',
        "Mozilla/5.0 call +1 800 555 0199 now",
        "Chrome on Linux",
    ],
)
def test_what_is_neither_browser_nor_known_program_says_nothing(sent: str | None) -> None:
    assert describe(sent) is None


WORDS = {
    *(name for _, name in user_agent._PROGRAMS + user_agent._BROWSERS + user_agent._SYSTEMS),
    *(f"{browser} on {system}" for _, browser in user_agent._BROWSERS for _, system in user_agent._SYSTEMS),
    "",
}


@given(st.text(), st.sampled_from(sorted(REAL)), st.integers(0, 200))
def test_whatever_is_sent_only_our_words_come_out(text: str, real: str, at: int) -> None:
    for sent in (text, f"{text}{real}", f"{real[:at]}{text}{real[at:]}", f"{real} {text}"):
        assert words(sent) in WORDS


def test_only_the_beginning_is_read() -> None:
    assert describe("Mozilla/5.0 " + " " * 1_000_000 + "Firefox/145.0 Windows") is None
