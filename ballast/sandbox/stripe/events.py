"""Events, and the deliveries they call for."""

from typing import Any

from ballast.sandbox.deliveries import is_undelivered, make_delivery
from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record, Transaction
from ballast.sandbox.stripe.lists import list_page
from ballast.sandbox.stripe.parameters import PAGE, boolean, filled, list_of
from ballast.sandbox.stripe.routes import Call, route

API_VERSION = "2026-10-28.endive"


def emit(call: Call, kind: str, shown: dict[str, Any], previous: dict[str, Any] | None = None) -> None:
    """Record an event about an object as it now is, and a delivery for each endpoint that wants it."""
    event = record_event(call, kind, shown, previous)
    for endpoint in call.tx.newest("webhook_endpoints"):
        if endpoint.get("status", "enabled") == "enabled" and wants(endpoint, kind):
            schedule_delivery(call.tx, event, endpoint)


def record_event(call: Call, kind: str, shown: dict[str, Any], previous: dict[str, Any] | None) -> Record:
    """Write the event."""
    event = {
        "id": new_id("evt"),
        "type": kind,
        "created": call.now,
        "data": {"object": shown} | ({"previous_attributes": previous} if previous else {}),
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
    }
    return call.tx.put("events", event)


def wants(endpoint: Record, kind: str) -> bool:
    """Tell whether an endpoint has asked for events of this kind."""
    return "*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"]


def schedule_delivery(tx: Transaction, event: Record, endpoint: Record) -> None:
    """Write a delivery that is due at once."""
    tx.put("deliveries", make_delivery(tx, event["type"], event=event["id"], endpoint=endpoint["id"]))


def show_event(tx: Transaction, record: Record) -> dict[str, Any]:
    """Return an `event`; `pending_webhooks` counts the deliveries still to be made."""
    pending = sum(delivery["state"] == "pending" for delivery in tx.find("deliveries", record["id"]))
    return format_event(record, API_VERSION, pending)


def format_event(record: Record, api_version: str, pending: int) -> dict[str, Any]:
    """Return an `event` as an answer or a delivery carries it."""
    return {
        "id": record["id"],
        "object": "event",
        "api_version": api_version,
        "created": record["created"],
        "data": record["data"],
        "livemode": False,
        "pending_webhooks": pending,
        "request": record["request"],
        "type": record["type"],
    }


@route("GET", "events/{}", "events.retrieve", {})
def retrieve_event(call: Call, key: str) -> dict[str, Any]:
    """Answer one event."""
    return show_event(call.tx, call.load("events", key, "event"))


@route(
    "GET",
    "events",
    "events.list",
    PAGE | {"type": filled, "types": list_of(filled, 20), "delivery_success": boolean},
)
def list_events(call: Call) -> dict[str, Any]:
    """Answer events by type, and by whether all deliveries have succeeded."""
    types = call.params.get("types") or ([call.params["type"]] if call.params.get("type") else None)
    wanted = call.params.get("delivery_success")
    return list_page(
        call,
        "/v1/events",
        call.tx.newest("events"),
        lambda record: show_event(call.tx, record),
        lambda record: types is None or record["type"] in types,
        lambda record: (
            wanted is None or wanted is not any(map(is_undelivered, call.tx.find("deliveries", record["id"])))
        ),
    )
