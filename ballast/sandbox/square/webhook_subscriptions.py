"""The addresses an account wants its events sent to."""

import secrets
from typing import Any

from ballast.sandbox.square.errors import refuse
from ballast.sandbox.square.events import API_VERSION, EVENT_TYPES, emit, schedule_delivery, show_event
from ballast.sandbox.square.fields import KEY, PAGE, boolean, list_of, require, text
from ballast.sandbox.square.lists import list_page
from ballast.sandbox.square.routes import Call, new_key, route
from ballast.sandbox.store import Record

SAID = {
    "name": text(64),
    "enabled": boolean,
    "event_types": list_of(text()),
    "notification_url": text(),
    "api_version": text(),
}


@route(
    "POST",
    "webhooks/subscriptions",
    "webhook_subscriptions.create",
    {"idempotency_key": KEY, "subscription": SAID},
    keyed=True,
)
def create_subscription(call: Call) -> dict[str, Any]:
    """Register an address; the answer holds the signature key."""
    require(call.params, "subscription")
    said = call.params["subscription"]
    require(said, "name", "event_types", "notification_url", prefix="subscription.")
    record: Record = {
        "id": f"wbhk_{new_key(26).lower()}",
        "enabled": True,
        "api_version": API_VERSION,
        "created_at": call.now,
        "signature_key": new_signature_key(),
    }
    return {"subscription": write(call, record)}


@route("GET", "webhooks/subscriptions", "webhook_subscriptions.list", PAGE | {"include_disabled": text()})
def list_subscriptions(call: Call) -> dict[str, Any]:
    """Answer the addresses, those that are switched off only if asked for."""
    everything = call.params.get("include_disabled") == "true"
    found = [one for one in call.tx.newest("square_subscriptions") if everything or one["enabled"]]
    return list_page(call, "subscriptions", found, show)


@route("GET", "webhooks/subscriptions/{}", "webhook_subscriptions.get", {})
def get_subscription(call: Call, key: str) -> dict[str, Any]:
    """Answer one address."""
    return {"subscription": show(load(call, key))}


@route("PUT", "webhooks/subscriptions/{}", "webhook_subscriptions.update", {"subscription": SAID})
def update_subscription(call: Call, key: str) -> dict[str, Any]:
    """Change an address, its events, or switch it off."""
    shown = write(call, load(call, key))
    return {"subscription": {name: value for name, value in shown.items() if name != "signature_key"}}


@route("DELETE", "webhooks/subscriptions/{}", "webhook_subscriptions.delete", {})
def delete_subscription(call: Call, key: str) -> dict[str, Any]:
    """Forget an address."""
    load(call, key)
    call.tx.delete("square_subscriptions", key)
    return {}


@route(
    "POST",
    "webhooks/subscriptions/{}/signature-key",
    "webhook_subscriptions.update_signature_key",
    {"idempotency_key": KEY},
)
def rotate_key(call: Call, key: str) -> dict[str, Any]:
    """Give an address a new signature key; what is sent from now on is signed with it."""
    record = load(call, key)
    record["signature_key"] = new_signature_key()
    call.tx.put("square_subscriptions", record)
    return {"signature_key": record["signature_key"]}


@route("POST", "webhooks/subscriptions/{}/test", "webhook_subscriptions.test", {"event_type": text()})
def test_subscription(call: Call, key: str) -> dict[str, Any]:
    """Send one event of the type, about a payment that does not exist."""
    record = load(call, key)
    kind = call.params.get("event_type") or record["event_types"][0]
    emit(call, kind, "payment", {"id": f"TEST{new_key(20)}", "status": "COMPLETED"})
    [event] = [made for (table, _), made in call.tx.changes.items() if table == "square_events" and made]
    if kind not in record["event_types"]:
        schedule_delivery(call, event, record)
    return {
        "subscription_test_result": {
            "id": event["id"],
            "status_code": 200,
            "payload": str(show_event(event)),
            "created_at": call.now,
            "updated_at": call.now,
        }
    }


def write(call: Call, record: Record) -> dict[str, Any]:
    """Take over what was said and write the record."""
    said = call.params.get("subscription", {})
    url = said.get("notification_url", "http://")
    if not url.startswith(("http://", "https://")):
        raise refuse("INVALID_VALUE", "The notification URL must be a URL.", "subscription.notification_url")
    for kind in said.get("event_types", ()):
        if kind not in EVENT_TYPES:
            raise refuse("INVALID_ARRAY_VALUE", f"`{kind}` is no event type.", "subscription.event_types")
    record |= said | {"updated_at": call.now}
    return show(call.tx.put("square_subscriptions", record))


def load(call: Call, key: str) -> Record:
    """Return a subscription. Raises 404."""
    return call.load("square_subscriptions", key, "webhook subscription")


def new_signature_key() -> str:
    """Return a signature key."""
    return secrets.token_urlsafe(16)


def show(record: Record) -> dict[str, Any]:
    """Return Square's `WebhookSubscription`."""
    return dict(record)
