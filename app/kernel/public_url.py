"""The address that the service has for people, and templates of links in mails."""

import re

_HIGHEST_PORT = 65535
_ORIGIN = re.compile(
    r"(?P<origin>https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]+))?)/?"
)
_LINK = re.compile(r"https?://[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*(?:[/?#][!-~]*)?")


def check_public_url(text: str) -> str:
    """The origin, in lower case and without a slash. Raises ValueError."""
    found = _ORIGIN.fullmatch(text.lower())
    if found is None or (found["port"] and not 0 < int(found["port"]) <= _HIGHEST_PORT):
        raise ValueError(
            "must be http:// or https://, a host (in ASCII) and at most a port: the service answers at the root of its"
            " host, so there is no path, user, query or white space"
        )
    return found["origin"]


def check_link_template(template: str, public_url: str) -> str:
    """A template with `{token}` and, if wanted, `{public_url}`. Raises ValueError unless it gives a link to a page."""
    link = template.replace("{public_url}", public_url, 1)
    host, token, rest = link.partition("{token}")
    if not token or "{" in host + rest or "}" in host + rest:
        raise ValueError("must contain {token} once, and no other placeholder but {public_url}")
    if not _LINK.fullmatch(f"{host}token{rest}") or not re.search(r"//[^/?#]+[/?#]", host):
        raise ValueError("must be an http or https address with a host, and {token} behind it")
    return template
