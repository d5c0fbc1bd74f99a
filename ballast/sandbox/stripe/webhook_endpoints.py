"""The addresses an account wants its events sent to."""

import secrets
from typing import Any

from ballast.sandbox.ids import new_id
from ballast.sandbox.store import Record
from ballast.sandbox.stripe.errors import refuse_parameter
from ballast.sandbox.stripe.expansion import expand
from ballast.sandbox.stripe.lists import list_page
from ballast.sandbox.stripe.objects import show_webhook_endpoint
from ballast.sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    boolean,
    filled,
    list_of,
    merge_metadata,
    metadata,
    require,
    text,
)
from ballast.sandbox.stripe.routes import Call, route

MOST_ENDPOINTS = 16
SAID = {
    "description": text(),
    "enabled_events": list_of(filled, 300),
    "expand": EXPAND,
    "metadata": metadata,
    "url": filled,
}


@route("POST", "webhook_endpoints", "webhook_endpoints.create", SAID | {"api_version": text(), "connect": boolean})
def create_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Register an address; only this answer holds the secret."""
    require(call.params, "url", "enabled_events")
    if sum(1 for _ in call.tx.newest("webhook_endpoints")) >= MOST_ENDPOINTS:
        raise refuse_parameter(f"You have reached the maximum of {MOST_ENDPOINTS} test webhook endpoints.")
    endpoint: Record = {
        "id": new_id("we"),
        "created": call.now,
        "api_version": call.params.get("api_version"),
        "_secret": new_secret(),
    }
    write_fields(call, endpoint)
    return answer(call, endpoint) | {"secret": endpoint["_secret"]}


@route("GET", "webhook_endpoints/{}", "webhook_endpoints.retrieve", {"expand": EXPAND})
def retrieve_webhook_endpoint(call: Call, key: str) -> dict[str, Any]:
    """Answer one address."""
    return answer(call, call.load("webhook_endpoints", key, "webhook endpoint"))


@route("POST", "webhook_endpoints/{}", "webhook_endpoints.update", SAID | {"disabled": boolean})
def update_webhook_endpoint(call: Call, key: str) -> dict[str, Any]:
    """Change an address, its events, or switch it off."""
    endpoint = call.load("webhook_endpoints", key, "webhook endpoint")
    if "disabled" in call.params:
        endpoint["status"] = "disabled" if call.params["disabled"] else "enabled"
    write_fields(call, endpoint)
    return answer(call, endpoint)


@route("DELETE", "webhook_endpoints/{}", "webhook_endpoints.delete", {})
def delete_webhook_endpoint(call: Call, key: str) -> dict[str, Any]:
    """Forget an address and what was still to be sent to it."""
    call.load("webhook_endpoints", key, "webhook endpoint")
    call.tx.delete("webhook_endpoints", key)
    return {"id": key, "object": "webhook_endpoint", "deleted": True}


@route("GET", "webhook_endpoints", "webhook_endpoints.list", PAGE)
def list_webhook_endpoints(call: Call) -> dict[str, Any]:
    """Answer the addresses."""
    return list_page(call, "/v1/webhook_endpoints", call.tx.newest("webhook_endpoints"), show_webhook_endpoint)


def write_fields(call: Call, endpoint: Record) -> None:
    """Take over the parameters and write the record."""
    params = call.params
    url = params.get("url")
    if url and not url.startswith(("http://", "https://")):
        raise refuse_parameter(
            "Invalid URL: An explicit scheme (such as https) must be provided.", "url", "url_invalid"
        )
    endpoint |= {name: params[name] for name in ("url", "enabled_events", "description") if params.get(name)}
    endpoint["metadata"] = merge_metadata(endpoint.get("metadata", {}), params)
    call.tx.put("webhook_endpoints", endpoint)


def new_secret() -> str:
    """Return a signing secret."""
    return f"whsec_{secrets.token_urlsafe(24)}"


def answer(call: Call, endpoint: Record) -> dict[str, Any]:
    """Return the address as asked for."""
    return expand(call.tx, show_webhook_endpoint(endpoint), call.params.get("expand", []))
