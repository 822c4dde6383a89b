"""`twokeys clients`: the services that may ask about tokens, or administer accounts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from app.cli.context import open_services
from app.cli.output import AsJson, print_many, print_one
from app.clients.domain import Client, MadeClient, Role
from app.kernel.clock import rfc3339
from app.kernel.refusal import FieldError, NotFound
from app.tokens.domain import Assurance

_LONGEST_NAME = 100

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The client's id.", show_default=False)]

clients = typer.Typer(help="Create, list and delete clients: the services that ask us.", no_args_is_help=True)


@clients.command()
def create(
    name: Annotated[str, typer.Argument(help="What people call the service.", show_default=False)],
    *,
    role: Annotated[list[Role], typer.Option(help="What it may do; may be given more than once.", show_default=False)],
    require: Annotated[
        Literal["aal2"] | None,
        typer.Option(help="Tokens that are proved by less are not alive to it.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Create a client and print its secret, this once."""
    if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise FieldError("/name", f"The name must be 1 to {_LONGEST_NAME} printable characters.")

    async def run() -> MadeClient:
        async with open_services(seals=False) as services:
            return await services.clients.create(name, role, required_acr=Assurance(require) if require else None)

    _print_secret(asyncio.run(run()), as_json=json)


@clients.command("rotate-secret")
def rotate_secret(
    id: Id,
    *,
    end_old: Annotated[
        bool, typer.Option("--end-old", help="Only end the secret of before; no new one is made.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Print a new secret, this once; the old one works on until --end-old."""

    async def rotate() -> MadeClient:
        async with open_services(seals=False) as services, _known_id():
            return await services.clients.rotate_secret(id)

    async def end() -> bool:
        async with open_services(seals=False) as services, _known_id():
            return await services.clients.end_old_secret(id)

    if not end_old:
        _print_secret(asyncio.run(rotate()), as_json=json)
        return
    ended = asyncio.run(end())
    if json:
        print_one({"client_id": str(id), "ended": ended}, as_json=True)
    elif not ended:
        typer.echo("There was no old secret.", err=True)


def _print_secret(made: MadeClient, *, as_json: bool) -> None:
    output = {"client_id": str(made.client.id), "client_secret": made.secret.get_secret_value()}
    print_one(output, as_json=as_json)
    if not as_json:
        typer.echo("The secret is not kept in readable form: it can't be shown again.", err=True)


@asynccontextmanager
async def _known_id() -> AsyncIterator[None]:
    """Raises NotFound in words of its own."""
    try:
        yield
    except NotFound:
        raise NotFound("There is no client with this id.") from None


@clients.command("list")
def list_all(*, json: AsJson = False) -> None:
    """List the clients, without their secrets."""

    async def run() -> list[dict[str, Any]]:
        async with open_services(seals=False) as services:
            return [_as_output(client) for client in await services.clients.all()]

    print_many(asyncio.run(run()), as_json=json)


def _as_output(client: Client) -> dict[str, Any]:
    return {
        "client_id": str(client.id),
        "name": client.name,
        "roles": sorted(role.value for role in client.roles),
        "required_acr": client.required_acr.value if client.required_acr else None,
        "created_at": rfc3339(client.created_at),
        "last_used_at": rfc3339(client.last_used_at) if client.last_used_at else None,
        "secrets": 2 if client.has_old_secret else 1,
    }


@clients.command()
def delete(id: Id) -> None:
    """Delete a client. Its next request is refused."""

    async def run() -> None:
        async with open_services(seals=False) as services, _known_id():
            await services.clients.delete(id)

    asyncio.run(run())
