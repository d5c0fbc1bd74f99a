"""Deliveries as their owners handle them: listed, looked at, sent again one by one, by the handful, or by a range of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select, true
from sqlalchemy.dialects.postgresql import insert

from ballast import audit
from ballast.clock import now, real_time
from ballast.db import db
from ballast.errors import Conflict, InvalidRequest, NotFound
from ballast.ids import new_id, to_uuid
from ballast.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from ballast.models.states import DELIVERY, move
from ballast.notifications import endpoints, webhooks
from ballast.notifications.catalog import TEST_EVENT

MOST_AT_ONCE: Final = 100
# One transaction; a longer range is replayed in parts.
MOST_REPLAYED: Final = 10_000
CHUNK: Final = 1_000


@dataclass(frozen=True)
class Filter:
    """Which deliveries: all there are where a field is empty."""

    endpoint: str = ""
    status: str = ""
    event_type: str = ""


def listed(organization_id: str, chosen: Filter) -> Select[WebhookDelivery, Event]:
    """Deliveries with their events. `event_type` may be a family (`refund.*`). An id that is none fits nothing."""
    wanted = (
        select(WebhookDelivery, Event)
        .join(
            Event, (Event.organization_id == WebhookDelivery.organization_id) & (Event.id == WebhookDelivery.event_id)
        )
        .where(WebhookDelivery.organization_id == organization_id)
    )
    if chosen.endpoint:
        known = to_uuid(chosen.endpoint, "we") is not None
        wanted = wanted.where(WebhookDelivery.endpoint_id == chosen.endpoint if known else ~true())
    if chosen.status in DELIVERY:
        wanted = wanted.where(WebhookDelivery.status == chosen.status)
    if chosen.event_type:
        wanted = wanted.where(fits([chosen.event_type]))
    return wanted


def fits(patterns: Sequence[str]) -> ColumnElement[bool]:
    """An event's type passes one of the patterns: `webhooks.wants`, in SQL."""
    return or_(
        *(
            true()
            if pattern == "*"
            else Event.type.startswith(pattern[:-1], autoescape=True)
            if pattern.endswith(".*")
            else Event.type == pattern
            for pattern in patterns
        )
    )


def find(organization_id: str, delivery_id: str) -> tuple[WebhookDelivery, Event, WebhookEndpoint]:
    """One delivery with what it brings and where to. Raises NotFound."""
    if to_uuid(delivery_id, "del") is None:
        raise NotFound("delivery")
    wanted = (
        listed(organization_id, Filter())
        .add_columns(WebhookEndpoint)
        .join(
            WebhookEndpoint,
            (WebhookEndpoint.organization_id == WebhookDelivery.organization_id)
            & (WebhookEndpoint.id == WebhookDelivery.endpoint_id),
        )
        .where(WebhookDelivery.id == delivery_id)
    )
    row = db.session.execute(wanted).first()
    if row is None:
        raise NotFound("delivery", delivery_id)
    return (row[0], row[1], row[2])


def attempts_of(delivery: WebhookDelivery) -> list[WebhookAttempt]:
    """Every attempt on record, newest first; a hundred at most."""
    wanted = (
        select(WebhookAttempt)
        .where(WebhookAttempt.organization_id == delivery.organization_id, WebhookAttempt.delivery_id == delivery.id)
        .order_by(WebhookAttempt.id.desc())
    )
    return list(db.session.scalars(wanted.limit(100)))


# --- Again -------------------------------------------------------------------------------------------------------------------


def retry(organization_id: str, delivery_id: str) -> WebhookDelivery:
    """Send it again at once, from the start of the schedule, delivered or not. In the caller's transaction.

    Raises NotFound, Conflict(`endpoint_disabled`), Conflict(`delivery_under_way`).
    """
    delivery, _event, _endpoint = find(organization_id, delivery_id)
    endpoints.refuse_disabled(endpoints.find(organization_id, delivery.endpoint_id))
    db.session.refresh(delivery, with_for_update=True)
    if delivery.lease_until is not None and delivery.lease_until > real_time():
        raise Conflict("delivery_under_way", "This delivery is being sent right now.")
    was = delivery.status
    _start_over(delivery)
    changes = audit.differences({"status": was}, {"status": delivery.status})
    audit.record(organization_id, "webhook_delivery.retried", "webhook_delivery", delivery.id, changes)
    webhooks.wake()
    return delivery


def _start_over(delivery: WebhookDelivery) -> None:
    if delivery.status != "pending":
        move(delivery, "pending")
    delivery.schedule_from, delivery.next_attempt_at, delivery.delivered_at = delivery.attempts, real_time(), None


def retry_many(organization_id: str, delivery_ids: Sequence[str]) -> list[WebhookDelivery]:
    """All of them or none. Raises as `retry` does, and InvalidRequest(`deliveries_invalid`). In the caller's transaction."""
    wanted = sorted(set(delivery_ids))
    if not 1 <= len(wanted) <= MOST_AT_ONCE:
        raise InvalidRequest("deliveries_invalid", f"Choose 1 to {MOST_AT_ONCE} deliveries.", param="deliveries")
    return [retry(organization_id, delivery_id) for delivery_id in wanted]


@dataclass(frozen=True)
class Range:
    """Events from `start` up to, not including, `end`; those that were delivered too, or only what was missed."""

    start: datetime
    end: datetime
    delivered_too: bool = False


def replay(organization_id: str, endpoint_id: str, chosen: Range) -> int:
    """Send an endpoint every kept event of a range that fits its filter, in order; answers how many. In the caller's transaction.

    Events told while it was disabled get a delivery now.
    Raises NotFound, Conflict(`endpoint_disabled`), InvalidRequest(`range_invalid`, `range_too_long`).
    """
    endpoint = endpoints.find(organization_id, endpoint_id, lock=True)
    endpoints.refuse_disabled(endpoint)
    found = _kept(endpoint, chosen)
    for place in range(0, len(found), CHUNK):
        _send_again(endpoint, found[place : place + CHUNK], chosen.delivered_too)
    changes = {"start": chosen.start.isoformat(), "end": chosen.end.isoformat(), "events": len(found)}
    audit.record(organization_id, "webhook_endpoint.replayed", "webhook_endpoint", endpoint.id, changes)
    webhooks.wake()
    return len(found)


def _kept(endpoint: WebhookEndpoint, chosen: Range) -> list[str]:
    """Ids of the events to be sent, oldest first: what was missed, given up or still waits; what was delivered only when asked for."""
    if chosen.start >= chosen.end:
        raise InvalidRequest("range_invalid", "The range must begin before it ends.", param="start")
    present = (
        (WebhookDelivery.organization_id == Event.organization_id)
        & (WebhookDelivery.event_id == Event.id)
        & (WebhookDelivery.endpoint_id == endpoint.id)
    )
    wanted = (
        select(Event.id)
        .outerjoin(WebhookDelivery, present)
        .where(
            Event.organization_id == endpoint.organization_id,
            Event.created_at >= chosen.start,
            Event.created_at < chosen.end,
            fits(endpoint.event_types),
            Event.type != TEST_EVENT,
            true() if chosen.delivered_too else WebhookDelivery.status.is_distinct_from("delivered"),
        )
        .order_by(Event.created_at, Event.id)
        .limit(MOST_REPLAYED + 1)
    )
    found = list(db.session.scalars(wanted))
    if len(found) > MOST_REPLAYED:
        raise InvalidRequest(
            "range_too_long", f"This range holds more than {MOST_REPLAYED:,} events. Replay it in parts.", param="end"
        )
    return found


def _send_again(endpoint: WebhookEndpoint, event_ids: list[str], delivered_too: bool) -> None:
    """A delivery where there was none, the old one anew where there was; one that is being sent right now is left alone."""
    due = real_time()
    rows: list[dict[str, Any]] = [
        {
            "organization_id": endpoint.organization_id,
            "id": new_id("del"),
            "endpoint_id": endpoint.id,
            "event_id": event_id,
            "status": "pending",
            "created_at": now(),
            "next_attempt_at": due,
        }
        for event_id in event_ids
    ]
    free = WebhookDelivery.lease_until.is_(None) | (WebhookDelivery.lease_until < due)
    fresh = true() if delivered_too else WebhookDelivery.status != "delivered"
    db.session.execute(
        insert(WebhookDelivery)
        .on_conflict_do_update(
            index_elements=["organization_id", "endpoint_id", "event_id"],
            set_={
                "status": "pending",
                "schedule_from": WebhookDelivery.attempts,
                "next_attempt_at": due,
                "delivered_at": None,
            },
            where=free & fresh,
        )
        .execution_options(synchronize_session=False),
        rows,
    )
