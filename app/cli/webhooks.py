"""`twokeys webhooks`: the systems that are told what happened."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.context import open_services, operator
from app.cli.output import AsJson, print_many, print_one
from app.kernel.clock import rfc3339
from app.kernel.refusal import NotFound
from app.webhooks.domain import Delivery, Webhook

_MOST_LISTED = 200
_Id = Annotated[UUID, typer.Argument(metavar="ID", help="The webhook's id.", show_default=False)]
_DeliveryId = Annotated[UUID, typer.Argument(metavar="DELIVERY", help="The delivery's id.", show_default=False)]

webhooks = typer.Typer(help="Tell other systems what happened.", no_args_is_help=True)


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "types": list(webhook.types),
        "description": webhook.description,
        "enabled": webhook.enabled,
        "created_at": rfc3339(webhook.created_at),
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    last, following = delivery.last_attempt_at, delivery.next_attempt_at
    return {
        "id": str(delivery.id),
        "event_id": str(delivery.event_id),
        "type": delivery.type,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "last_attempt_at": rfc3339(last) if last else None,
        "next_attempt_at": rfc3339(following) if following else None,
    }


def _unknown() -> NotFound:
    return NotFound("There is no webhook with this id.")


@webhooks.command()
def create(
    url: Annotated[str, typer.Argument(help="Where it is told.", show_default=False)],
    *,
    type: Annotated[
        list[str],
        typer.Option(help="A type of event, a group such as 'token.*', or '*'; may be repeated.", show_default=False),
    ],
    description: Annotated[str | None, typer.Option(help="What it is for.", show_default=False)] = None,
    json: AsJson = False,
) -> None:
    """Create a webhook and print its secret, this once."""

    async def run() -> dict[str, Any]:
        async with open_services(seals=True) as services:
            made, secret = await services.webhooks.create(url, type, description, operator())
            return _webhook(made) | {"secret": secret.get_secret_value()}

    print_one(asyncio.run(run()), as_json=json)


@webhooks.command("list")
def list_all(*, json: AsJson = False) -> None:
    """List the webhooks, without their secrets."""

    async def run() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: UUID | None = None
        async with open_services(seals=False) as services:
            while True:
                page = await services.webhooks.page(after=after, limit=_MOST_LISTED)
                found += map(_webhook, page.items)
                after = page.next_after
                if after is None:
                    return found

    print_many(asyncio.run(run()), as_json=json)


@webhooks.command()
def rotate_secret(id: _Id, *, json: AsJson = False) -> None:
    """Print a new secret, this once; the one before signs as well for 24 hours."""

    async def run() -> dict[str, Any]:
        async with open_services(seals=True) as services:
            try:
                secret = await services.webhooks.rotate_secret(id, operator())
            except NotFound:
                raise _unknown() from None
            return {"id": str(id), "secret": secret.get_secret_value()}

    print_one(asyncio.run(run()), as_json=json)


@webhooks.command()
def delete(id: _Id) -> None:
    """Delete a webhook, and what waits for it."""

    async def run() -> None:
        async with open_services(seals=False) as services:
            try:
                await services.webhooks.delete(id, operator())
            except NotFound:
                raise _unknown() from None

    asyncio.run(run())


@webhooks.command("test")
def send_test_event(id: _Id, *, json: AsJson = False) -> None:
    """Queue an event of the type webhook.test; a process that serves or works sends it."""

    async def run() -> Delivery:
        async with open_services(seals=False) as services:
            try:
                return await services.webhooks.test(id)
            except NotFound:
                raise _unknown() from None

    print_one(_delivery(asyncio.run(run())), as_json=json)


@webhooks.command()
def deliveries(id: _Id, *, json: AsJson = False) -> None:
    """List the newest 200 deliveries of a webhook."""

    async def run() -> list[dict[str, Any]]:
        async with open_services(seals=False) as services:
            try:
                page = await services.webhooks.deliveries(id, after=None, limit=_MOST_LISTED)
            except NotFound:
                raise _unknown() from None
            return [_delivery(each) for each in page.items]

    print_many(asyncio.run(run()), as_json=json)


@webhooks.command()
def retry(id: _Id, delivery_id: _DeliveryId, *, json: AsJson = False) -> None:
    """Send a delivery again, whatever became of it; a process that serves or works sends it."""

    async def run() -> Delivery:
        async with open_services(seals=False) as services:
            try:
                return await services.webhooks.retry(id, delivery_id)
            except NotFound:
                raise NotFound("There is no such delivery of this webhook.") from None

    print_one(_delivery(asyncio.run(run())), as_json=json)
