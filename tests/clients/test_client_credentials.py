"""A client's id and secret in Basic credentials, as different libraries write them."""

import base64
from urllib.parse import quote_plus

import httpx
import pytest

from app.clients.domain import Role
from app.services import Services
from tests.support.answers import granted, refused

pytestmark = pytest.mark.anyio


async def introspect(api: httpx.AsyncClient, credentials: str) -> httpx.Response:
    header = f"Basic {base64.b64encode(credentials.encode()).decode()}"
    return await api.post("/v1/introspect", data={"token": "x"}, headers={"Authorization": header})


async def test_form_encoded_credentials_are_taken(api: httpx.AsyncClient, services: Services) -> None:
    """`oauth4webapi` encodes all but letters and digits (RFC 6749 §2.3.1), curl nothing."""
    made = await services.clients.create("Shop", [Role.INTROSPECT])
    id, secret = str(made.client.id), made.secret.get_secret_value()
    eager = "".join(f"%{ord(c):02X}" for c in secret)
    careful = secret.replace("-", "%2D").replace("_", "%5F")
    for written in (secret, quote_plus(secret), careful, eager):
        for name in (id, id.replace("-", "%2D"), id.replace("-", "%2d")):
            assert granted(await introspect(api, f"{name}:{written}")) == {"active": False}


async def test_what_decodes_to_no_secret_is_refused(api: httpx.AsyncClient, services: Services) -> None:
    made = await services.clients.create("Shop", [Role.INTROSPECT])
    id, secret = str(made.client.id), made.secret.get_secret_value()
    wrong = [
        f"{id}:{secret.replace('_', '%255F', 1)}",
        f"{id}:{secret}%00",
        f"{id}:{secret}+",
        f"{id}:%zz{secret}",
        f"{id}%3A{secret}",
        f"{id.upper()}:{secret}",
        f"{{{id}}}:{secret}",
        f"{id}:{secret}:",
    ]
    for credentials in wrong:
        refused(await introspect(api, credentials), 401, "invalid_client")


async def test_a_very_long_form_is_not_decoded(api: httpx.AsyncClient, services: Services) -> None:
    made = await services.clients.create("Shop", [Role.INTROSPECT])
    client = (str(made.client.id), made.secret.get_secret_value())
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    long = await api.post("/v1/introspect", content=b"token=" + b"%41" * 21_000 + b"\xff", auth=client, headers=form)
    assert granted(long) == {"active": False}
    many = await api.post("/v1/introspect", content=b"a=b&" * 16_000 + b"token=x", auth=client, headers=form)
    assert (many.status_code, many.json()["error"]) == (400, "invalid_request")
