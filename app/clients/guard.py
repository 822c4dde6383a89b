"""How a route learns which client asks: HTTP Basic (RFC 7617) with the client's id and secret."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Security
from fastapi.security import HTTPBasic

from app.clients.domain import Client, Credentials, InvalidClient, Role
from app.clients.service import Clients
from app.kernel.secret import SecretKind, digest_if


class _Basic(HTTPBasic):
    """Documents the scheme; we read the header ourselves, since FastAPI answers a malformed one in its own words."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override] # noqa: ARG002
        return None


_documented = _Basic(auto_error=False, scheme_name="client", description="A client's id and secret (`tki_`).")
CLIENT_SECURITY: dict[str, Any] = {"security": [{_documented.scheme_name: []}]}
"""For the document of a route that calls `client_credentials` itself."""


def _read_basic(header: str | None) -> Credentials:
    """Raises InvalidClient."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        id, _, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
        client_id = UUID(id)
    except (binascii.Error, ValueError):
        raise InvalidClient from None
    found = digest_if(secret, SecretKind.CLIENT)
    if found is None or str(client_id) != id:
        raise InvalidClient
    return Credentials(client_id, found)


def client_with(clients: Clients, role: Role) -> Callable[..., Awaitable[Client]]:
    """A dependency that lets in clients with this role. Raises InvalidClient, InsufficientRole."""

    async def client(request: Request, _: Annotated[None, Security(_documented)]) -> Client:
        return await clients.known(_read_basic(request.headers.get("authorization")), role)

    return client


def client_credentials(request: Request) -> Credentials:
    """For a service that checks them together with something else. Raises InvalidClient."""
    return _read_basic(request.headers.get("authorization"))
