"""Webhooks out: an event and a delivery per endpoint in the commit of the fact; a signed POST by a worker.

Format: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and beside it
`X-Ballast-Signature: sha256=<hex>`, HMAC-SHA256 of the raw body under the endpoint's secret as it is shown.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import urllib3
from sqlalchemy import select, tuple_, update

from ballast import config, queue
from ballast.audit import actor
from ballast.clock import now, real_time
from ballast.db import db, transaction
from ballast.ids import new_id
from ballast.models import Event, WebhookDelivery, WebhookEndpoint
from ballast.notifications.drain import claim, drain, run_all
from ballast.security import keyring, sign, webhook_key

THREADS = 50
LEASE = timedelta(seconds=90)
BODY_KEPT = 2048


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
    url: str
    event_id: str
    body: bytes
    secret: str
    attempts: int


@dataclass(frozen=True)
class Answer:
    """What came back. `reason` is a word when it was not delivered: timeout, refused, tls, dns, http_500 …"""

    status: int | None
    body: str
    reason: str | None
    duration_ms: int
    retry_after: int | None = None


def deliver_due() -> int:
    """Send every delivery that is due, in batches. The job behind `queue.DELIVER`."""
    queue.forget_mark(queue.DELIVER)
    return drain("deliver_webhooks", _deliver_batch)


def _deliver_batch() -> tuple[int, int]:
    due = (WebhookDelivery.status.in_(("pending", "failed")), WebhookDelivery.next_attempt_at <= real_time())
    keys = claim(WebhookDelivery, due, LEASE)
    parcels = _pack(keys)
    answers = run_all(_send, parcels, THREADS)
    with transaction():
        for parcel, answer in zip(parcels, answers, strict=True):
            _record(parcel, answer if isinstance(answer, Answer) else Answer(None, "", "internal_error", 0))
    failed = sum(1 for answer in answers if not isinstance(answer, Answer) or answer.reason)
    return len(keys), failed


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
        url=endpoint.url,
        event_id=event.id,
        body=json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(),
        secret=keyring().decrypt(endpoint.secret, f"webhook_endpoint:{endpoint.id}"),
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


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=200, maxsize=THREADS, retries=False)


def _send(parcel: Parcel) -> Answer:
    """POST one parcel. Only 2xx is success; redirects are not followed."""
    started = time.monotonic()
    headers = signed_headers(parcel.event_id, parcel.body, parcel.secret, int(real_time().timestamp()))
    timeout = config.current().webhook_timeout
    try:
        response = _pool().request(
            "POST",
            parcel.url,
            body=parcel.body,
            headers=headers,
            redirect=False,
            timeout=timeout,
            preload_content=False,
        )
        try:
            kept = response.read(BODY_KEPT, decode_content=True).decode(errors="replace").replace("\0", "")
        finally:
            response.drain_conn()
    except urllib3.exceptions.HTTPError as error:
        return Answer(None, "", _reason(error), _since(started))
    reason = None if 200 <= response.status < 300 else f"http_{response.status}"
    return Answer(response.status, kept, reason, _since(started), _retry_after(response.headers.get("Retry-After")))


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _retry_after(value: str | None) -> int | None:
    return min(int(value), 86_400) if value and value.isdigit() else None


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "dns"
        case urllib3.exceptions.NewConnectionError():
            return "refused"
        case urllib3.exceptions.TimeoutError():
            return "timeout"
        case urllib3.exceptions.SSLError():
            return "tls"
        case urllib3.exceptions.LocationParseError() | urllib3.exceptions.LocationValueError():
            return "bad_url"
        case _:
            return "connection_lost"


def _record(parcel: Parcel, answer: Answer) -> None:
    """Write what came of a delivery: delivered, due again on the schedule, or dead letter; 410 disables the endpoint."""
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
        .where(WebhookDelivery.organization_id == parcel.key[0], WebhookDelivery.id == parcel.key[1])
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if answer.status == 410:
        _disable(parcel)


def _disable(parcel: Parcel) -> None:
    db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == parcel.key[0], WebhookEndpoint.url == parcel.url)
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
