"""What a user agent says, in words of ours. It is a stranger's text, so none of it is ever repeated."""

from dataclasses import dataclass

_READ = 256
# The first that fits counts: most browsers also name those that they descend from.
_BROWSERS: tuple[tuple[str, str], ...] = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("Safari/", "Safari"),
)
_SYSTEMS: tuple[tuple[str, str], ...] = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
_PROGRAMS: tuple[tuple[str, str], ...] = (
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-httpx/", "Python"),
    ("python-requests/", "Python"),
    ("Python/", "Python"),
    ("Java", "Java"),
    ("okhttp/", "okhttp"),
    ("Dart/", "Dart"),
    ("Go-http-client/", "Go"),
    ("node", "Node.js"),
    ("PostmanRuntime/", "Postman"),
)


@dataclass(frozen=True)
class Device:
    """A browser and its system, or a kind of program; either may be unknown of a browser."""

    program: str
    system: str
    is_browser: bool


def describe(user_agent: str | None) -> Device | None:
    """None where nothing is known."""
    text = (user_agent or "")[:_READ]
    if not text.startswith("Mozilla/"):
        program = next((words for mark, words in _PROGRAMS if text.startswith(mark)), None)
        return Device(program, "", is_browser=False) if program else None
    browser, system = _first(_BROWSERS, text), _first(_SYSTEMS, text)
    return Device(browser or "", system or "", is_browser=True) if browser or system else None


def _first(known: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((words for mark, words in known if mark in text), None)
