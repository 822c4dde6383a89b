"""What a user agent says, in words of ours. It is a stranger's text, so none of it is ever repeated."""

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
    ("python-httpx/", "a Python program"),
    ("python-requests/", "a Python program"),
    ("Python/", "a Python program"),
    ("Java", "a Java program"),
    ("okhttp/", "an app on Android or Java"),
    ("Dart/", "a Dart or Flutter app"),
    ("Go-http-client/", "a Go program"),
    ("node", "a Node.js program"),
    ("PostmanRuntime/", "Postman"),
)


def describe(user_agent: str | None) -> str | None:
    """A browser and its system, such as "Firefox on Windows", or a kind of program; None where neither is known."""
    text = (user_agent or "")[:_READ]
    if not text.startswith("Mozilla/"):
        return next((words for mark, words in _PROGRAMS if text.startswith(mark)), None)
    browser, system = _first(_BROWSERS, text), _first(_SYSTEMS, text)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system


def _first(known: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((words for mark, words in known if mark in text), None)
