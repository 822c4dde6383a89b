"""`/v1/admin/webhooks`, for clients with the role `admin`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from app.admin.routes import operator_with
from app.clients.domain import InsufficientRole, InvalidClient, Role
from app.clients.service import Clients
from app.http.pages import Page, PageParams
from app.http.problems import refuses
from app.http.strict_json import StrictRoute
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.webhooks.schemas import ChangeWebhook, CreateWebhook, Delivery, NewWebhook, Webhook, WebhookSecret
from app.webhooks.service import Webhooks

_CLIENT = (InvalidClient, InsufficientRole)
_ONE = (*_CLIENT, NotFound)


def webhook_routes(webhooks: Webhooks, clients: Clients) -> APIRouter:
    router = APIRouter(prefix="/v1/admin/webhooks", tags=["Webhooks"], route_class=StrictRoute)
    By = Annotated[RequestContext, Depends(operator_with(clients, Role.ADMIN))]  # noqa: N806 - a type

    @router.post("", status_code=201, summary="Create a webhook", responses=refuses(*_CLIENT))
    async def create_webhook(by: By, body: CreateWebhook) -> NewWebhook:
        """It is told of what is committed from now on. The secret is shown this once."""
        made = await webhooks.create(body.url, body.types, body.description, by, enabled=body.enabled)
        return NewWebhook.made(*made)

    @router.get("", summary="List webhooks", responses=refuses(*_CLIENT))
    async def list_webhooks(_: By, page: PageParams) -> Page[Webhook]:
        """Newest first."""
        return Page[Webhook].of(page, await webhooks.page(after=page.after, limit=page.limit), Webhook.of)

    @router.get("/{id}", summary="See a webhook", responses=refuses(*_ONE))
    async def get_webhook(_: By, id: UUID) -> Webhook:
        return Webhook.of(await webhooks.get(id))

    @router.patch("/{id}", summary="Change a webhook", responses=refuses(*_ONE))
    async def change_webhook(by: By, id: UUID, body: ChangeWebhook) -> Webhook:
        """A disabled one is told of nothing; what waits already goes out when it is enabled again."""
        return Webhook.of(await webhooks.change(id, body.as_change(), by))

    @router.delete("/{id}", status_code=204, summary="Delete a webhook", responses=refuses(*_ONE))
    async def delete_webhook(by: By, id: UUID) -> None:
        await webhooks.delete(id, by)

    @router.post("/{id}/rotate-secret", summary="Make a new secret", responses=refuses(*_ONE))
    async def rotate_webhook_secret(by: By, id: UUID) -> WebhookSecret:
        """Both secrets sign for 24 hours."""
        return WebhookSecret.of(await webhooks.rotate_secret(id, by))

    @router.post("/{id}/test", status_code=202, summary="Send a test event", responses=refuses(*_ONE))
    async def send_test_event(_: By, id: UUID) -> Delivery:
        """Its type is `webhook.test`."""
        return Delivery.of(await webhooks.test(id))

    @router.get("/{id}/deliveries", summary="List deliveries", responses=refuses(*_ONE))
    async def list_deliveries(_: By, id: UUID, page: PageParams) -> Page[Delivery]:
        """Newest first, of the last 30 days. What a receiver answers is not kept."""
        found = await webhooks.deliveries(id, after=page.after, limit=page.limit)
        return Page[Delivery].of(page, found, Delivery.of)

    @router.post(
        "/{id}/deliveries/{delivery_id}/retry", status_code=202, summary="Deliver again", responses=refuses(*_ONE)
    )
    async def retry_delivery(_: By, id: UUID, delivery_id: UUID) -> Delivery:
        """At once, whatever became of it before."""
        return Delivery.of(await webhooks.retry(id, delivery_id))

    return router
