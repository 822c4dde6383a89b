"""The `Authorization` header, read in one place and one way."""

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Scope


def has_two_authorizations(scope: Scope) -> bool:
    """Two readers may each take another of the two, so neither counts anywhere."""
    return len(Headers(scope=scope).getlist("authorization")) > 1


def authorization(request: Request, scheme: str) -> str | None:
    """What follows `scheme` (RFC 9110 §11.4), or None without exactly one header that begins with it.

    Only spaces are taken away: to `str.strip` a no-break space is one as well.
    """
    values = request.headers.getlist("authorization")
    if len(values) != 1:
        return None
    found, _, credentials = values[0].partition(" ")
    return credentials.strip(" ") if found.lower() == scheme else None
