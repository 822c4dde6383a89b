"""`python -m app.server.health_check`: whether what this container runs is well; exits with 0 or 1.

It needs nothing but the standard library, and asks past any proxy that the environment names.
"""

import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

_SECONDS = 2.0
_FIRST_PROCESS = "1"
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where it listens, not we
_OK = 200


def place_of(arguments: Sequence[str]) -> tuple[str, int] | None:
    """Where a `serve` with this command line listens; None for a command that listens nowhere."""
    if "serve" not in arguments:
        return None
    options = arguments[arguments.index("serve") + 1 :]
    host = _value(options, "--host") or "127.0.0.1"
    return _ANYWHERE.get(host, host), int(_value(options, "--port") or "8000")


def _value(options: Sequence[str], name: str) -> str | None:
    """The last one counts, as for the command itself."""
    found = None
    for at, option in enumerate(options):
        if option == name and at + 1 < len(options):
            found = options[at + 1]
        elif option.startswith(f"{name}="):
            found = option.partition("=")[2]
    return found


def is_ready(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == _OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main(process: str = _FIRST_PROCESS) -> int:
    """Of the process with this id, which is the first one in a container. One without a port is well while it lives."""
    try:
        arguments = Path(f"/proc/{process}/cmdline").read_text().rstrip("\0").split("\0")
    except OSError:
        return 1
    place = place_of(arguments)
    return 0 if place is None or is_ready(*place) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
