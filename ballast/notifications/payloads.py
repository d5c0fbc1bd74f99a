"""How endpoints and deliveries look on the API. Secrets are in none of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ballast.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from ballast.notifications.signatures import body_of


def endpoint_payload(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """An endpoint as JSON; times are ISO 8601 in UTC."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "url": endpoint.url,
        "events": endpoint.event_types,
        "enabled": endpoint.enabled,
        "disabled_because": endpoint.disabled_because,
        "disabled_at": _time(endpoint.disabled_at),
        "failing_since": _time(endpoint.failing_since),
        "old_secret_until": _time(endpoint.old_secret_until),
        "created_at": endpoint.created_at.isoformat(),
        "secret": None,
    }


def delivery_payload(delivery: WebhookDelivery, event: Event) -> dict[str, Any]:
    """A delivery as JSON."""
    waits = delivery.status in ("pending", "failed")
    return {
        "id": delivery.id,
        "object": "webhook_delivery",
        "endpoint": delivery.endpoint_id,
        "event": event.id,
        "event_type": event.type,
        "status": delivery.status,
        "sequence": delivery.sequence,
        "attempt_count": delivery.attempts,
        "response_status": delivery.response_status,
        "reason": delivery.reason,
        "next_attempt_at": _time(delivery.next_attempt_at) if waits else None,
        "delivered_at": _time(delivery.delivered_at),
        "created_at": delivery.created_at.isoformat(),
    }


def delivery_detail(delivery: WebhookDelivery, event: Event, attempts: list[WebhookAttempt]) -> dict[str, Any]:
    """A delivery with what is sent and its attempts."""
    return delivery_payload(delivery, event) | {
        "payload": json.loads(body_of(event, delivery.sequence)),
        "attempts": [_attempt(attempt) for attempt in attempts],
    }


def shown_text(event: Event, sequence: int | None) -> str:
    """What is sent, laid out for people."""
    return json.dumps(json.loads(body_of(event, sequence)), indent=2, ensure_ascii=False)


def _attempt(attempt: WebhookAttempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "sent_at": attempt.sent_at.isoformat(),
        "response_status": attempt.response_status,
        "response_body": attempt.response_body,
        "reason": attempt.reason,
        "duration_ms": attempt.duration_ms,
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
