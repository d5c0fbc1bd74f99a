"""The merchant's own server, played: it takes the webhooks that Ballast sends, and checks their signatures.

Sources: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and `X-Ballast-Signature:
sha256=<hex>`, the HMAC-SHA256 of the body with the endpoint's secret.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import web

from ballast.sandbox.ids import new_id
from ballast.sandbox.pages.rendering import answer_json, page
from ballast.sandbox.store import Transaction
from ballast.sandbox.world import WORLD

TOLERANCE_SECONDS = 300
MOST_BODY_CHARACTERS = 256 * 1024
KEPT_HEADERS = ("webhook-", "x-ballast-", "content-type", "user-agent", "idempotency-key")


async def configure(request: web.Request) -> web.Response:
    """Take the secret, or several as `secrets`; `answer` makes the next `times` deliveries get that status instead."""
    try:
        wanted = json.loads(await request.text())
        secrets = wanted.get("secrets") or ([wanted["secret"]] if wanted.get("secret") else [])
        config: dict[str, Any] = {"id": "config", "secrets": [str(secret) for secret in secrets]}
        config |= {"answer": int(wanted.get("answer") or 204), "times": int(wanted.get("times") or 0)}
    except (ValueError, AttributeError, TypeError):
        return answer_json({"error": {"message": 'The body must be like {"secret": "whsec_…"}.'}}, 422)
    tx = request.app[WORLD].store.begin("_sandbox")
    tx.put("receiver", config)
    tx.commit()
    return answer_json({name: config[name] for name in ("secrets", "answer", "times")})


async def receive(request: web.Request) -> web.Response:
    """Check a delivery and write it down: 204 if both signatures are right, 401 if not."""
    body = await request.read()
    tx = request.app[WORLD].store.begin("_sandbox")
    config = tx.get("receiver", "config") or {"secrets": [], "times": 0}
    valid = any(is_signed(secret, request, body) for secret in config["secrets"])
    status = answer_once(tx, config) or (204 if valid else 401)
    record_delivery(tx, request, body, valid, status)
    tx.commit()
    return web.Response(status=status)


async def list_events(request: web.Request) -> web.Response:
    """Answer every delivery as JSON, oldest first."""
    received = list(request.app[WORLD].store.begin("_sandbox").newest("receipts"))
    return answer_json(
        [{name: item for name, item in one.items() if name != "receipt"} for one in map(describe, received[::-1])]
    )


async def show_receiver(request: web.Request) -> web.Response:
    """Show the latest deliveries."""
    store = request.app[WORLD].store.begin("_sandbox")
    received = [describe(one) for one in list(store.newest("receipts"))[:100]]
    config = store.get("receiver", "config")
    return page("receiver", active="receiver", received=received, configured=bool(config and config["secrets"]))


def describe(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return a delivery; its `id` is that of the event, which is the same for every try."""
    return receipt | {"id": receipt["event"], "receipt": receipt["id"]}


def answer_once(tx: Transaction, config: dict[str, Any]) -> int | None:
    """Return the status this delivery was told to get, and count it."""
    if config["times"] < 1:
        return None
    tx.put("receiver", config | {"times": config["times"] - 1})
    return int(config["answer"])


def record_delivery(tx: Transaction, request: web.Request, body: bytes, valid: bool, status: int) -> None:
    """Write a delivery down."""
    text = body.decode("utf-8", "replace")[:MOST_BODY_CHARACTERS]
    headers = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith(KEPT_HEADERS)}
    tx.put(
        "receipts",
        {
            "id": new_id("rcpt"),
            "event": headers.get("webhook-id"),
            "type": read_type(text),
            "valid": valid,
            "status": status,
            "received_at": time.time(),
            "headers": headers,
            "body": text,
        },
    )


def read_type(text: str) -> str | None:
    """Return the type an event says it is of."""
    try:
        event = json.loads(text)
    except ValueError:
        return None
    kind = event.get("type") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) else None


def is_signed(secret: str, request: web.Request, body: bytes) -> bool:
    """Tell whether a delivery bears both signatures of this secret, and is not old."""
    message_id, moment = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not moment.isdigit() or abs(time.time() - int(moment)) > TOLERANCE_SECONDS:
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return False
    digest = hmac.new(key, f"{message_id}.{moment}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    signatures = request.headers.get("webhook-signature", "").split(" ")
    standard = any(hmac.compare_digest(one.encode(), expected.encode()) for one in signatures)
    return standard and is_signed_our_way(secret, request, body)


def is_signed_our_way(secret: str, request: web.Request, body: bytes) -> bool:
    """Tell whether `X-Ballast-Signature` is right; its key is the secret as it is shown."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = request.headers.get("X-Ballast-Signature", "")
    return hmac.compare_digest(given.encode(), f"sha256={digest}".encode())
