"""How a route learns which client asks: HTTP Basic (RFC 7617) with the client's id and secret."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import unquote_plus
from uuid import UUID

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBasic

from app.clients.domain import Client, Credentials, InvalidClient, Role
from app.clients.service import Clients
from app.http.authorization import authorization
from app.kernel.secret import SecretKind, digest_if


class _Basic(HTTPBasic):
    """Documents the scheme; we read the header ourselves, since FastAPI answers a malformed one in its own words."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override] # noqa: ARG002
        return None


_documented = _Basic(auto_error=False, scheme_name="client", description="A client's id and secret (`tki_`).")


async def _credentials(request: Request, _: Annotated[None, Security(_documented)]) -> Credentials:
    """Raises InvalidClient.

    Id and secret are form-encoded by clients that keep to RFC 6749 §2.3.1. Ours hold neither `%` nor `+`, so the plain
    form of other clients decodes to itself.
    """
    encoded = authorization(request, "basic")
    if encoded is None:
        raise InvalidClient
    try:
        id, secret = base64.b64decode(encoded, validate=True).decode("ascii").split(":", 1)
        id, secret = unquote_plus(id), unquote_plus(secret)
        client_id = UUID(id)
    except (binascii.Error, ValueError):
        raise InvalidClient from None
    found = digest_if(secret, SecretKind.CLIENT)
    if found is None or str(client_id) != id:
        raise InvalidClient
    return Credentials(client_id, found)


ClientCredentials = Annotated[Credentials, Depends(_credentials)]
"""Well-formed and not yet checked."""


def client_with(clients: Clients, role: Role) -> Callable[..., Awaitable[Client]]:
    """A dependency that lets in clients with this role. Raises InvalidClient, InsufficientRole."""

    async def client(credentials: ClientCredentials) -> Client:
        return await clients.known(credentials, role)

    return client
