"""What the tests of this folder share: clients with a role, and what they ask."""

from dataclasses import dataclass
from typing import Any

import httpx

from app.clients.domain import Role
from app.services import Services
from tests.support.answers import granted


@dataclass(frozen=True)
class Known:
    """A client's id and secret."""

    id: str
    secret: str

    @property
    def basic(self) -> tuple[str, str]:
        return self.id, self.secret


async def a_client(services: Services, *roles: Role) -> Known:
    made = await services.clients.create("Shop", roles or [Role.INTROSPECT])
    return Known(str(made.client.id), made.secret.get_secret_value())


async def introspect(api: httpx.AsyncClient, client: Known, token: str) -> dict[str, Any]:
    return granted(await api.post("/v1/introspect", data={"token": token}, auth=client.basic))
