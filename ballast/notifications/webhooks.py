"""Webhooks out: an event and a delivery per endpoint in the commit of the fact; a signed POST by a worker.

Format: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and beside it
`X-Ballast-Signature: sha256=<hex>`, HMAC-SHA256 of the raw body under the endpoint's secret as it is shown.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select, true, tuple_, update

from ballast import config, queue
from ballast.audit import actor
from ballast.clock import now, real_time
from ballast.db import db, transaction
from ballast.ids import new_id
from ballast.models import Event, WebhookDelivery, WebhookEndpoint
from ballast.notifications.drain import BATCH, claim, drain, run_as_done
from ballast.notifications.posting import BODY_KEPT, Answer, post
from ballast.security import keyring, sign, webhook_key

THREADS = 50


def publish(organization_id: str, event_type: str, resource_type: str, resource_id: str, data: dict[str, Any]) -> Event:
    """Tell of a fact: one event, and one delivery for each enabled endpoint that asked for its type. In the caller's transaction."""
    event = Event(
        id=new_id("evt"),
        organization_id=organization_id,
        type=event_type,
        resource_type=resource_type,
        resource_id=resource_id,
        data=data,
        request_id=actor().request_id,
        created_at=now(),
    )
    db.session.add(event)
    wanted = [endpoint for endpoint in _endpoints(organization_id) if wants(endpoint.event_types, event_type)]
    db.session.add_all(
        WebhookDelivery(
            organization_id=organization_id, endpoint_id=endpoint.id, event_id=event.id, next_attempt_at=real_time()
        )
        for endpoint in wanted
    )
    if wanted:
        queue.wake(queue.DELIVER)
    return event


def wants(patterns: list[str], event_type: str) -> bool:
    """Whether a filter (`*`, `payment_intent.*`, or exact types) lets `event_type` through."""
    return any(
        pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


def _endpoints(organization_id: str) -> list[WebhookEndpoint]:
    found = select(WebhookEndpoint).where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.enabled)
    return list(db.session.scalars(found))


@dataclass(frozen=True)
class Parcel:
    """A delivery, ready to send: plain data, so that nothing touches the database while the endpoint answers."""

    key: tuple[str, str]
    endpoint_id: str
    url: str
    event_id: str
    body: bytes = field(repr=False)
    secret: bytes = field(repr=False, metadata={"doc": "still sealed"})
    attempts: int


def deliver_due() -> int:
    """Send every delivery that is due, in batches. The job behind `queue.DELIVER`."""
    queue.forget_mark(queue.DELIVER)
    return drain("deliver_webhooks", _deliver_batch)


def _deliver_batch() -> tuple[int, int]:
    due = (
        WebhookDelivery.status.in_(("pending", "failed")),
        WebhookDelivery.next_attempt_at <= real_time(),
        _is_enabled(),
    )
    keys = claim(WebhookDelivery, due, _lease())
    failed = 0
    for answered in run_as_done(_send, _pack(keys), THREADS):
        with transaction():
            for parcel, result in sorted(answered, key=lambda pair: pair[0].endpoint_id):
                answer = result if isinstance(result, Answer) else Answer(None, "", "internal_error", 0)
                failed += answer.reason is not None
                _record(parcel, answer)
    return len(keys), failed


def _lease() -> timedelta:
    """Longer than a whole batch can take (to connect, to answer, to tell), so that no delivery is sent while it is being sent."""
    rounds = -(-BATCH // THREADS)
    return timedelta(seconds=3 * config.current().webhook_timeout * rounds + 30)


def _is_enabled() -> ColumnElement[bool]:
    """Deliveries of a disabled endpoint wait, unsent and uncounted, until it is enabled again."""
    return exists().where(
        WebhookEndpoint.organization_id == WebhookDelivery.organization_id,
        WebhookEndpoint.id == WebhookDelivery.endpoint_id,
        WebhookEndpoint.enabled,
    )


def _pack(keys: list[tuple[str, str]]) -> list[Parcel]:
    """Read what is to be sent and give each delivery its sequence number at its endpoint; one transaction, then nothing is held."""
    if not keys:
        return []
    with transaction() as session:
        rows = session.execute(
            select(WebhookDelivery, Event, WebhookEndpoint)
            .join(
                Event,
                (Event.organization_id == WebhookDelivery.organization_id) & (Event.id == WebhookDelivery.event_id),
            )
            .join(
                WebhookEndpoint,
                (WebhookEndpoint.organization_id == WebhookDelivery.organization_id)
                & (WebhookEndpoint.id == WebhookDelivery.endpoint_id),
            )
            .where(tuple_(WebhookDelivery.organization_id, WebhookDelivery.id).in_(keys))
            .order_by(WebhookDelivery.id)
        ).all()
        _number([row[0] for row in rows])
        return [_parcel(*row) for row in rows]


def _number(deliveries: list[WebhookDelivery]) -> None:
    """Sequence numbers come in blocks, one update per endpoint in a batch; a retry keeps the number it has."""
    fresh: dict[tuple[str, str], list[WebhookDelivery]] = {}
    for delivery in deliveries:
        if delivery.sequence is None:
            fresh.setdefault((delivery.organization_id, delivery.endpoint_id), []).append(delivery)
    for (organization_id, endpoint_id), waiting in sorted(fresh.items()):
        last = db.session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == endpoint_id)
            .values(sequence=WebhookEndpoint.sequence + len(waiting))
            .returning(WebhookEndpoint.sequence)
            .execution_options(synchronize_session=False)
        ).scalar_one()
        for offset, delivery in enumerate(waiting):
            delivery.sequence = last - len(waiting) + 1 + offset


def _parcel(delivery: WebhookDelivery, event: Event, endpoint: WebhookEndpoint) -> Parcel:
    payload = {
        "id": event.id,
        "type": event.type,
        "created_at": event.created_at.isoformat(),
        "timestamp": event.created_at.isoformat(),
        "sequence": delivery.sequence,
        "api_version": event.api_version,
        "data": event.data,
    }
    return Parcel(
        key=(delivery.organization_id, delivery.id),
        endpoint_id=endpoint.id,
        url=endpoint.url,
        event_id=event.id,
        body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(),
        secret=endpoint.secret,
        attempts=delivery.attempts,
    )


def signed_headers(event_id: str, body: bytes, secret: str, at: int) -> dict[str, str]:
    """The headers that prove a delivery is ours; `at` is Unix seconds of this attempt."""
    standard = sign(webhook_key(secret), f"{event_id}.{at}.".encode() + body)
    return {
        "content-type": "application/json",
        "user-agent": "Ballast-Webhooks/1",
        "webhook-id": event_id,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(standard).decode(),
        "x-ballast-signature": "sha256=" + sign(secret.encode(), body).hex(),
    }


def _send(parcel: Parcel) -> Answer:
    """POST one parcel, signed as of now."""
    secret = keyring().decrypt(parcel.secret, f"webhook_endpoint:{parcel.endpoint_id}")
    headers = signed_headers(parcel.event_id, parcel.body, secret, int(real_time().timestamp()))
    return post(parcel.url, parcel.body, headers, config.current().webhook_timeout)


def _record(parcel: Parcel, answer: Answer) -> None:
    """Write what came of a delivery: delivered, due again on the schedule, or dead letter; 410 disables the endpoint.

    A worker that comes back after its lease ran out may still say "delivered"; its failure is old news and changes nothing.
    """
    delays = config.current().webhook_delays
    values: dict[str, Any] = {
        "attempts": parcel.attempts + 1,
        "response_status": answer.status,
        "response_body": answer.body[:BODY_KEPT],
        "reason": answer.reason,
        "duration_ms": answer.duration_ms,
        "lease_until": None,
    }
    if answer.reason is None:
        values |= {"status": "delivered", "delivered_at": real_time()}
    elif parcel.attempts < len(delays) and answer.status != 410:
        wait = max(delays[parcel.attempts], answer.retry_after or 0)
        values |= {"status": "failed", "next_attempt_at": real_time() + timedelta(seconds=wait)}
    else:
        values |= {"status": "dead_letter"}
    db.session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.organization_id == parcel.key[0],
            WebhookDelivery.id == parcel.key[1],
            WebhookDelivery.status != "delivered",
            true() if answer.reason is None else WebhookDelivery.attempts == parcel.attempts,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if answer.status == 410:
        _disable(parcel)


def _disable(parcel: Parcel) -> None:
    db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == parcel.key[0], WebhookEndpoint.id == parcel.endpoint_id)
        .values(enabled=False, disabled_at=now())
        .execution_options(synchronize_session=False)
    )


def create_endpoint(organization_id: str, url: str, event_types: list[str], secret: str) -> WebhookEndpoint:
    """A new endpoint with its secret sealed. In the caller's transaction."""
    endpoint_id = new_id("we")
    endpoint = WebhookEndpoint(
        id=endpoint_id,
        organization_id=organization_id,
        url=url,
        event_types=event_types,
        secret=keyring().encrypt(secret, f"webhook_endpoint:{endpoint_id}"),
    )
    db.session.add(endpoint)
    return endpoint
