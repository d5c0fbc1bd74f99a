"""What the webhook tests do again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from ballast import config
from ballast.clock import shifted
from ballast.db import organization, transaction
from ballast.ids import new_id
from ballast.models import WebhookDelivery, WebhookEndpoint
from ballast.notifications import webhooks
from ballast.security import new_webhook_secret
from tests.billing.acts import as_worker, rows
from tests.world import World

SECRET = new_webhook_secret()


def only(world: World) -> None:
    """Switch off the endpoint the world came with."""
    with organization(world.acme.id), transaction() as session:
        session.execute(update(WebhookEndpoint).values(enabled=False))


def listen(world: World, url: str, *types: str, secret: str = SECRET) -> str:
    with organization(world.acme.id), transaction():
        return webhooks.create_endpoint(world.acme.id, url, list(types) or ["*"], secret).id


def publish(world: World, event_type: str = "payment_intent.succeeded", count: int = 1, **data: Any) -> None:
    with organization(world.acme.id), transaction():
        for _ in range(count):
            webhooks.publish(world.acme.id, event_type, "payment", new_id("pay"), data or {"object": "payment"})


def deliver(world: World) -> int:
    return int(as_worker(world, webhooks.deliver_due)())


def give_up(world: World) -> None:
    """Let the whole schedule pass, so that what is not taken becomes a dead letter."""
    passed = 0
    for delay in (0, *config.current().webhook_delays):
        passed += delay + 1
        with shifted(timedelta(seconds=passed)):
            deliver(world)


def deliveries(world: World) -> list[WebhookDelivery]:
    return rows(world, WebhookDelivery)
