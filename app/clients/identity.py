"""How a route learns which client asks: HTTP Basic (RFC 7617) with the client's id and secret."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBasic

from app.clients.domain import Client, InsufficientRole, InvalidClient, Role
from app.clients.service import Clients


class _Basic(HTTPBasic):
    """Documents the scheme; we read the header ourselves, since FastAPI answers a malformed one in its own words."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override] # noqa: ARG002
        return None


_documented = _Basic(auto_error=False, scheme_name="client", description="A client's id and secret (`tki_`).")


def _read_basic(header: str | None) -> tuple[str, str]:
    """Raises InvalidClient."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise InvalidClient from None
    if not colon:
        raise InvalidClient
    return id, secret


def client_with(clients: Clients, role: Role) -> Callable[..., Awaitable[Client]]:
    """A dependency that lets in clients with this role. Raises InvalidClient, InsufficientRole."""

    async def client(request: Request, _: Annotated[None, Security(_documented)]) -> Client:
        known = await clients.known(*_read_basic(request.headers.get("authorization")))
        if role not in known.roles:
            raise InsufficientRole
        return known

    return client
