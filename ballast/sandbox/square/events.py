"""Events, and the deliveries they call for."""

import uuid
from typing import Any

from ballast.sandbox.deliveries import make_delivery
from ballast.sandbox.square.fields import PAGE, list_of, one_of, text, whole
from ballast.sandbox.square.fields import instant as read_instant
from ballast.sandbox.square.lists import list_page
from ballast.sandbox.square.routes import Call, route
from ballast.sandbox.store import Record

API_VERSION = "2025-08-20"
# What a subscription may ask for; not all of it happens here.
EVENT_TYPES = (
    "card.automatically_updated",
    "card.created",
    "card.disabled",
    "card.forgotten",
    "card.updated",
    "customer.created",
    "customer.deleted",
    "customer.updated",
    "dispute.created",
    "dispute.evidence.added",
    "dispute.evidence.created",
    "dispute.evidence.deleted",
    "dispute.evidence.removed",
    "dispute.state.changed",
    "dispute.state.updated",
    "oauth.authorization.revoked",
    "payment.created",
    "payment.updated",
    "payout.failed",
    "payout.paid",
    "payout.sent",
    "refund.created",
    "refund.updated",
)


def emit(call: Call, kind: str, noun: str, shown: dict[str, Any]) -> None:
    """Record an event about an object as it now is, and a delivery for each subscription that wants it."""
    event: Record = {
        "id": str(uuid.uuid4()),
        "_moment": call.moment,
        "merchant_id": call.account.merchant_id,
        "location_id": call.account.location_id,
        "type": kind,
        "created_at": call.now,
        "data": {"type": noun, "id": shown["id"], "object": {noun: shown}},
    }
    call.tx.put("square_events", event)
    for subscription in call.tx.newest("square_subscriptions"):
        if subscription["enabled"] and kind in subscription["event_types"]:
            schedule_delivery(call, event, subscription)


def schedule_delivery(call: Call, event: Record, subscription: Record) -> None:
    """Write a delivery that is due at once."""
    delivery = make_delivery(call.tx, event["type"], event=event["id"], subscription=subscription["id"])
    call.tx.put("square_deliveries", delivery)


def show_event(record: Record) -> dict[str, Any]:
    """Return Square's `Event`, as an answer or a delivery carries it."""
    shown = {name: record[name] for name in ("merchant_id", "location_id", "type", "created_at", "data")}
    return {"event_id": record["id"]} | shown


SEARCH = {
    "cursor": text(256),
    "limit": whole,
    "query": {
        "filter": {
            "event_types": list_of(text()),
            "merchant_ids": list_of(text()),
            "location_ids": list_of(text()),
            "created_at": {"start_at": read_instant, "end_at": read_instant},
        },
        "sort": {"field": one_of("DEFAULT"), "order": one_of("ASC", "DESC")},
    },
}


@route("POST", "events", "events.search", SEARCH)
def search_events(call: Call) -> dict[str, Any]:
    """Answer events by type and time, the newest first."""
    wanted = call.params.get("query", {}).get("filter", {})
    types, between = wanted.get("event_types"), wanted.get("created_at", {})
    start, end = between.get("start_at", 0), between.get("end_at", call.moment)
    found = [
        event
        for event in call.tx.newest("square_events")
        if (types is None or event["type"] in types) and start <= event["_moment"] <= end
    ]
    page = list_page(call, "events", found, show_event)
    if "events" in page:
        page["metadata"] = [{"event_id": one["event_id"], "api_version": API_VERSION} for one in page["events"]]
    return page


@route("GET", "webhooks/event-types", "webhooks.event_types", PAGE | {"api_version": text()})
def list_event_types(_call: Call) -> dict[str, Any]:
    """Answer the types of event there are."""
    metadata = [
        {"event_type": kind, "api_version_introduced": "2020-02-26", "release_status": "PUBLIC"} for kind in EVENT_TYPES
    ]
    return {"event_types": list(EVENT_TYPES), "metadata": metadata}
