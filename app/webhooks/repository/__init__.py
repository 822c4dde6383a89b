"""The statements of webhooks."""

from app.webhooks.repository.deliveries import DeliveryRows
from app.webhooks.repository.queue import QueueRows
from app.webhooks.repository.webhooks import SecretRows, WebhookRows

__all__ = ["DeliveryRows", "QueueRows", "SecretRows", "WebhookRows"]
